package app_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"dargah/internal/app"
	"dargah/internal/app/checkout"
	"dargah/internal/gateways"
)

func TestExplain(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, taken := net.Listen("tcp", l.Addr().String())
	cause := errors.New("secret cause")
	tests := []struct {
		name string
		err  error
		says []string
		not  string
	}{
		{"plain", errors.New("plain words"), []string{"plain words"}, ""},
		{"taken port", fmt.Errorf("demo: %w", &app.ListenError{Addr: l.Addr().String(), Err: taken}), []string{l.Addr().String(), "taken", "--addr"}, "bind:"},
		{"other listen error", &app.ListenError{Addr: "x:1", Err: errors.New("no such host")}, []string{"x:1", "no such host"}, ""},
		{"setting", &checkout.Error{Kind: checkout.Invalid, Key: "error.invalid", Err: &gateways.SettingError{Key: "amount_unit", Expected: "rial or toman"}}, []string{"amount_unit: expected rial or toman"}, "error."},
		{"fields", fmt.Errorf("create: %w", checkout.WrongField("slug", "taken")), []string{"slug: "}, "error."},
		{"not found", &checkout.Error{Kind: checkout.NotFound, Key: "error.no_merchant", Err: cause}, []string{"merchant"}, "secret cause"},
		{"unforeseen", &checkout.Error{Kind: checkout.Internal, Key: "error.internal", Err: cause}, []string{"secret cause"}, ""},
		{"a key without a sentence", checkout.Fail(checkout.Conflict, "error.nobody_wrote_this"), []string{"nobody wrote this"}, "["},
	}
	for _, tt := range tests {
		got := app.Explain(tt.err)
		for _, word := range tt.says {
			if !strings.Contains(got, word) {
				t.Errorf("%s: %q does not say %q", tt.name, got, word)
			}
		}
		if tt.not != "" && strings.Contains(got, tt.not) {
			t.Errorf("%s: %q says %q", tt.name, got, tt.not)
		}
	}
}
