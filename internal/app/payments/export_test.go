package payments

// What the fuzz targets read by themselves.
var (
	Cursor     = cursor
	ReadCursor = readCursor
	Validate   = validate

	FeedCursor     = feedCursor
	ReadFeedCursor = readFeedCursor
)

// ReadLink reads a signed link's parameters.
func ReadLink(query string) (map[string]string, error) {
	l, err := readLink(query)
	if err != nil {
		return nil, err
	}
	return l.params, nil
}

// Standing is how many stand in the queue of an attempt's address.
func (e *Engine) Standing(token string) int {
	e.queues.mu.Lock()
	defer e.queues.mu.Unlock()
	if q := e.queues.at[token]; q != nil {
		return q.stand
	}
	return 0
}
