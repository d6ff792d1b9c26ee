package app

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/gateways"
)

// Explain says in one line, for whoever sits at the shell, what an error means and what to do.
func Explain(err error) string {
	var listening *ListenError
	if errors.As(err, &listening) {
		return explainListen(listening)
	}
	// What is wrong with a setting is said by its adapter, in English and with what it expected.
	var setting *gateways.SettingError
	if errors.As(err, &setting) {
		return setting.Error()
	}
	var e *checkout.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	line := sentence(e.Key)
	for _, f := range e.Fields {
		line += "; " + f.Field + ": " + sentence("error."+f.Code)
	}
	// What we did not foresee is told whole; the sentence about the others says all there is.
	if e.Err != nil && (e.Kind == checkout.Internal || e.Kind == checkout.Unavailable) {
		line += " (" + e.Err.Error() + ")"
	}
	return line
}

func explainListen(e *ListenError) string {
	switch {
	case errors.Is(e, syscall.EADDRINUSE):
		return e.Addr + " is taken by another program; choose another address with --addr (serve: CHECKOUT_ADDR), such as 127.0.0.1:8081"
	case errors.Is(e, fs.ErrPermission):
		return e.Addr + " may not be listened on by this user; choose a port above 1023 with --addr (serve: CHECKOUT_ADDR)"
	}
	return e.Error()
}

// sentence is the English text of a catalogue key, without its full stop. A key that no page uses
// may have none; then the key itself says more than brackets would.
func sentence(key string) string {
	s := i18n.EN.T(key)
	if s == "["+key+"]" {
		return strings.ReplaceAll(strings.TrimPrefix(key, "error."), "_", " ")
	}
	return strings.TrimSuffix(s, ".")
}
