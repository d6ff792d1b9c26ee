package checkout

import (
	"errors"
	"fmt"
	"runtime"
)

// Panicked names what somebody panicked with, for a log. Only Go's own errors are quoted: any other
// value may hold what must not stand in a log.
func Panicked(value any) string {
	err, _ := value.(error)
	var own runtime.Error
	if errors.As(err, &own) {
		return own.Error()
	}
	var elsewhere interface {
		Panicked() (value any, stack []byte)
	}
	if errors.As(err, &elsewhere) { // it goes on here and began in another goroutine
		inner, stack := elsewhere.Panicked()
		return fmt.Sprintf("%s\n%s", Panicked(inner), stack)
	}
	return fmt.Sprintf("a value of type %T", value)
}
