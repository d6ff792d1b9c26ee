package app

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// inMemory carries calls to a handler of this process, with no socket between: so the engine
// reaches the built-in simulator, and test mode can reach nothing else.
type inMemory struct {
	handler http.Handler
}

// RoundTrip serves one call. What net/http would turn into a broken connection (a handler that
// panics) is one here too: the request had arrived, its answer never did.
func (m inMemory) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		body, err = io.ReadAll(req.Body)
		_ = req.Body.Close()
		if err != nil {
			return nil, fmt.Errorf("read the request: %w", err)
		}
	}
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	in := req.Clone(req.Context())
	in.Body, in.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	in.RequestURI = in.URL.RequestURI()
	in.RemoteAddr = "127.0.0.1:0"
	if in.Host == "" {
		in.Host = in.URL.Host
	}
	in.Proto, in.ProtoMajor, in.ProtoMinor = "HTTP/1.1", 1, 1

	answer := make(chan *recorder, 1)
	// A handler that ignores its context outlives this call; its answer is then nobody's.
	go func() { answer <- serve(m.handler, in) }()
	select {
	case <-req.Context().Done():
		return nil, req.Context().Err()
	case rec := <-answer:
		// A handler that waits for the end of the call wakes at the same moment as we do.
		if err := req.Context().Err(); err != nil {
			return nil, err
		}
		return rec.response(req)
	}
}

func serve(handler http.Handler, in *http.Request) (rec *recorder) {
	rec = &recorder{header: http.Header{}}
	defer func() {
		if cause := recover(); cause != nil {
			rec.broken = true
		}
	}()
	handler.ServeHTTP(rec, in)
	return rec
}

// recorder keeps what a handler answers.
type recorder struct {
	header http.Header
	sent   http.Header // as it was when the status went out
	status int
	body   bytes.Buffer
	broken bool // the handler gave up the connection
}

// Header returns what the handler may still change.
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader keeps the first status; informational ones pass by.
func (r *recorder) WriteHeader(status int) {
	if r.status != 0 || status < 200 {
		return
	}
	r.status, r.sent = status, r.header.Clone()
}

// Write appends to the body.
func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.WriteHeader(http.StatusOK)
	}
	return r.body.Write(p)
}

var errConnectionClosed = errors.New("connection closed without an answer")

func (r *recorder) response(req *http.Request) (*http.Response, error) {
	if r.broken {
		return nil, fmt.Errorf("%w: %w", errConnectionClosed, io.ErrUnexpectedEOF)
	}
	if r.status == 0 {
		r.WriteHeader(http.StatusOK)
	}
	return &http.Response{
		Status:        strings.TrimSpace(fmt.Sprintf("%d %s", r.status, http.StatusText(r.status))),
		StatusCode:    r.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        r.sent,
		Body:          io.NopCloser(&r.body),
		ContentLength: int64(r.body.Len()),
		Request:       req,
	}, nil
}
