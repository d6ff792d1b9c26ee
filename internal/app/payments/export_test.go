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

// Queue is a queue of attempts' addresses, and WordOf what a claim says there.
type Queue struct{ queues queues }

// File is queues.file for a store that gives no more than a way home.
func (q *Queue) File(token, says string, store func() (string, error)) (home string, asks bool, err error) {
	in, err := q.queues.file(token, says, func() (entry, error) {
		home, err := store()
		return entry{home: home, seat: &asking{}}, err
	})
	return in.home, in.seat != nil, err
}

// Addresses is at how many addresses somebody stands.
func (q *Queue) Addresses() int {
	q.queues.mu.Lock()
	defer q.queues.mu.Unlock()
	return len(q.queues.at)
}

// Stand is how many stand at one address.
func (q *Queue) Stand(token string) int {
	q.queues.mu.Lock()
	defer q.queues.mu.Unlock()
	if at := q.queues.at[token]; at != nil {
		return at.stand
	}
	return 0
}

// WordOf is what a claim says.
var WordOf = wordOf

// PageInvoice reads what was typed into a payment page.
var PageInvoice = pageInvoice
