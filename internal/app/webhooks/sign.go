package webhooks

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"dargah/internal/app/checkout"
)

const (
	secretPrefix = "whsec_"
	secretBytes  = 32
	leastSecret  = 24 // of the standard
	mostSecret   = 64
)

var errSecret = errors.New("expected whsec_ and 24 to 64 bytes in base64")

// newSecret makes an endpoint's secret.
func newSecret(random io.Reader) string {
	var b [secretBytes]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		panic("webhooks: no randomness: " + err.Error())
	}
	return secretPrefix + base64.StdEncoding.EncodeToString(b[:])
}

// readSecret returns the key of a secret. An empty or a short one signs nothing.
func readSecret(s string) ([]byte, error) {
	text, ok := strings.CutPrefix(s, secretPrefix)
	if !ok {
		return nil, errSecret
	}
	key, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(key) < leastSecret || len(key) > mostSecret || base64.StdEncoding.EncodeToString(key) != text {
		return nil, errSecret
	}
	return key, nil
}

// signature signs one message as Standard Webhooks v1 does: HMAC-SHA256 over id, seconds and the exact
// bytes of the body. An id with a point in it could be read as another id with another time.
func signature(secret, id string, at time.Time, body []byte) (string, error) {
	key, err := readSecret(secret)
	if err != nil {
		return "", err
	}
	if id == "" || strings.Contains(id, ".") {
		return "", fmt.Errorf("sign %q: not an id", id)
	}
	h := hmac.New(sha256.New, key)
	h.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
	h.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(h.Sum(nil)), nil
}

// secrets opens those of an endpoint that sign at this moment, the newest first.
func (h *Hooks) secrets(e *checkout.Endpoint, now time.Time) ([]string, error) {
	var open []string
	for _, s := range e.Secrets {
		if !s.Until.IsZero() && !now.Before(s.Until) {
			continue
		}
		plain, err := h.Box.Open(s.Sealed, secretPlace(e.ID))
		if err != nil {
			return nil, fmt.Errorf("open a secret of %s: %w", e.ID, err)
		}
		open = append(open, string(plain))
	}
	if len(open) == 0 {
		return nil, fmt.Errorf("endpoint %s has no secret", e.ID)
	}
	return open, nil
}

// signatures is the value of webhook-signature: one for each secret, since during a rotation the
// receiver may know either.
func signatures(secrets []string, id string, at time.Time, body []byte) (string, error) {
	var all []string
	for _, secret := range secrets {
		one, err := signature(secret, id, at, body)
		if err != nil {
			return "", err
		}
		all = append(all, one)
	}
	return strings.Join(all, " "), nil
}

// secretPlace binds a sealed secret to its endpoint, so that it opens nowhere else.
func secretPlace(endpointID string) string { return "webhook_endpoints/" + endpointID + "/secret" }
