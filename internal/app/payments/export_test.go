package payments

// What the fuzz targets read by themselves.
var (
	Cursor     = cursor
	ReadCursor = readCursor
	Validate   = validate
)

// Standing is how many stand in the queue of an attempt's address.
func (e *Engine) Standing(token string) int {
	e.queues.mu.Lock()
	defer e.queues.mu.Unlock()
	if q := e.queues.at[token]; q != nil {
		return q.stand
	}
	return 0
}
