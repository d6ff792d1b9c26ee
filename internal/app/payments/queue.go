package payments

import (
	"errors"
	"strings"
	"sync"

	"dargah/internal/app/checkout"
	"dargah/internal/gateways"
)

// queues let what comes to one attempt's address into the store one after another. A crowd there (a
// browser that reloads, a stranger who sprays) would otherwise wait for the invoice's row, and on
// PostgreSQL each of them with a connection in its hand, until there is none left for anybody else.
// Here it waits in memory. Of those that say the same, one goes in, and the others have its answer:
// the same word again is only an event, and so many at once need not all leave one.
type queues struct {
	mu sync.Mutex
	at map[string]*queue // by callback token
}

type queue struct {
	turn  chan struct{}     // holds one while somebody stores; a channel, so that a test's clock can see who waits
	stand int               // who stands in it, those that wait for another's answer too
	words map[string]*filed // what is being said
}

// filed is one word on its way into the books.
type filed struct {
	entry
	err  error
	done chan struct{}
}

var errBroken = &checkout.Error{Kind: checkout.Unavailable, Key: "error.unavailable", Err: errors.New("whoever brought the same claim broke off")}

// wordOf is what a claim says.
func wordOf(c gateways.Claim) string {
	return strings.Join([]string{c.Reference, c.OurNumber, c.Token}, "\x00")
}

// file runs store in its turn, or gives what came of the same word, which is on its way already. Only
// who stored it himself has something to ask.
func (l *queues) file(token, says string, store func() (entry, error)) (entry, error) {
	at, word, first := l.stand(token, says)
	defer l.leave(token, at)
	if !first {
		<-word.done
		return entry{home: word.home}, word.err
	}
	defer func() {
		l.mu.Lock()
		delete(at.words, says)
		l.mu.Unlock()
		close(word.done)
	}()
	at.turn <- struct{}{}
	defer func() { <-at.turn }()
	word.err = errBroken // what the others hear if store panics
	word.entry, word.err = store()
	return word.entry, word.err
}

func (l *queues) stand(token, says string) (at *queue, word *filed, first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.at == nil {
		l.at = map[string]*queue{}
	}
	if at = l.at[token]; at == nil {
		at = &queue{turn: make(chan struct{}, 1), words: map[string]*filed{}}
		l.at[token] = at
	}
	at.stand++
	if word = at.words[says]; word != nil {
		return at, word, false
	}
	word = &filed{done: make(chan struct{})}
	at.words[says] = word
	return at, word, true
}

func (l *queues) leave(token string, at *queue) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at.stand--; at.stand == 0 {
		delete(l.at, token)
	}
}
