package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"

	"dargah/internal/app/checkout"
	"dargah/internal/app/crash"
	"dargah/internal/app/payments"
)

const (
	headerRequestID = "X-Request-Id"
	scopeRead       = "read"
	scopeWrite      = "write"
)

// An exchange is one request and its answer.
type exchange struct {
	req       *http.Request
	out       http.ResponseWriter
	param     func(string) string
	requestID string
}

// newExchange takes the request id that the server has given, or makes one. A stranger's is never
// taken over: it would end in events.
func newExchange(c echo.Context) *exchange {
	x := &exchange{req: c.Request(), out: c.Response(), param: c.Param}
	x.requestID = x.out.Header().Get(headerRequestID)
	if x.requestID == "" {
		var b [12]byte
		rand.Read(b[:]) // never fails: crypto/rand ends the program instead
		x.requestID = "req_" + hex.EncodeToString(b[:])
		x.out.Header().Set(headerRequestID, x.requestID)
	}
	return x
}

// A call is an exchange that may go on: we know whose it is.
type call struct {
	*exchange
	ctx   context.Context
	scope payments.Scope
	by    checkout.Actor
	query url.Values
	body  node
	once  *payments.Once // without Render; nil without Idempotency-Key
}

// An answer is what goes back: rendered bytes, so that a stored answer is sent as it was.
type answer struct {
	status   int
	body     []byte
	replayed bool
}

// serve makes a handler of a route: who, how often, what, then the route itself.
func (a *API) serve(r *route) func(huma.Context) {
	return func(hc huma.Context) {
		x := newExchange(humaecho.Unwrap(hc))
		done := false
		defer func() {
			if done {
				return
			}
			p := recover()
			if p == http.ErrAbortHandler { //nolint:errorlint // the server compares it so, too
				panic(p)
			}
			a.refuse(x, fmt.Errorf("%s %s: panic: %s\n%s", r.op.Method, r.op.Path, checkout.Panicked(p), debug.Stack()))
		}()
		ans, err := a.answer(x, r)
		if err != nil {
			a.refuse(x, err)
		} else {
			a.send(x, ans)
		}
		done = true
	}
}

func (a *API) answer(x *exchange, r *route) (answer, error) {
	c := &call{exchange: x, ctx: x.req.Context()}
	if err := a.admit(c, r); err != nil {
		return answer{}, err
	}
	if id := x.param("id"); id != "" && !plausible(id) {
		return answer{}, checkout.Fail(checkout.NotFound, "error.not_found")
	}
	if err := c.readQuery(r.query); err != nil {
		return answer{}, err
	}
	if r.op.Method == http.MethodPost || r.op.Method == http.MethodPatch {
		crash.At("api.reads")
		if err := c.readBody(r); err != nil {
			return answer{}, err
		}
	}
	return r.handle(c)
}

// admit finds out whose call it is and whether the key may make it now.
func (a *API) admit(c *call, r *route) error {
	scheme, secret, _ := strings.Cut(c.req.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return checkout.Fail(checkout.Unauthed, "error.unauthorized")
	}
	key, err := a.Keys.Authenticate(c.ctx, strings.TrimSpace(secret))
	if err != nil {
		return err
	}
	if wait, ok := a.Limits.Take(key.ID); !ok {
		return &fault{status: http.StatusTooManyRequests, code: kindTooMany, wait: int(wait/time.Second) + 1}
	}
	if !slices.Contains(key.Scopes, r.scope) {
		return checkout.Fail(checkout.Forbidden, "error.scope")
	}
	c.scope = payments.Scope{MerchantID: key.MerchantID, Live: key.Live}
	c.by = checkout.Actor{Kind: "key", ID: key.ID, RequestID: c.requestID}
	c.ctx = checkout.WithActor(c.ctx, c.by)
	return nil
}

// plausible refuses what cannot be an id of ours before the store is asked.
func plausible(id string) bool {
	if len(id) > 64 {
		return false
	}
	for i := range len(id) {
		if c := id[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}

// send writes an answer.
func (a *API) send(x *exchange, ans answer) {
	crash.At("api.answers")
	h := x.out.Header()
	h.Set("Content-Type", "application/json")
	if ans.replayed {
		h.Set("Idempotency-Replayed", "true")
	}
	x.write(ans.status, ans.body)
}

// refuse writes an error as a problem document. Only what is our own fault is logged: the rest is
// in the access log already.
func (a *API) refuse(x *exchange, err error) {
	f := asFault(err)
	if f.status >= http.StatusInternalServerError {
		level := a.Log.ErrorContext
		if errors.Is(err, context.Canceled) { // the client went away; nobody reads this answer
			level = a.Log.DebugContext
		}
		level(x.req.Context(), "api call failed", "method", x.req.Method, "path", x.req.URL.Path, "request_id", x.requestID, "err", err)
	}
	h := x.out.Header()
	switch f.status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="dargah"`)
	case http.StatusMethodNotAllowed:
		h.Set("Allow", f.allow)
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "1")
	case http.StatusTooManyRequests:
		h.Set("Retry-After", strconv.Itoa(max(f.wait, 1)))
	}
	l := language(x.req.Header.Get("Accept-Language"))
	body, renderErr := f.render(a.BaseURL, l)
	if renderErr != nil {
		a.Log.ErrorContext(x.req.Context(), "api problem not rendered", "request_id", x.requestID, "err", renderErr)
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Language", string(l))
	x.write(f.status, body)
}

// write sends the head and the body. A broken connection is the client's business: what was done
// is stored, and the same Idempotency-Key tells it again.
func (x *exchange) write(status int, body []byte) {
	h := x.out.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	x.out.WriteHeader(status)
	_, _ = x.out.Write(body)
}
