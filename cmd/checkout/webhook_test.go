package main_test

import (
	"strings"
	"testing"
)

func TestWebhook_AddListRemove(t *testing.T) {
	h := newHouse(t)
	h.must(nil, "merchant", "create", "--name", "Pottery", "--slug", "meybod")
	type endpoint struct {
		ID, URL, Secret, Status string
		Livemode                bool
		Types                   []string
	}
	var made, test endpoint
	h.must(&made, "webhook", "add", "--merchant", "meybod", "--type", "invoice.paid", "--type", "attempt.needs_review", "https://shop.example.ir/hook", "--json")
	h.must(&test, "webhook", "add", "--merchant", "meybod", "--test", "http://127.0.0.1:8000/hook", "--json")
	if !strings.HasPrefix(made.ID, "whe_") || !strings.HasPrefix(made.Secret, "whsec_") || !made.Livemode || strings.Join(made.Types, " ") != "invoice.paid attempt.needs_review" || test.Livemode || len(test.Types) != 11 {
		t.Errorf("made %+v and %+v", made, test)
	}
	var list []endpoint
	out := h.must(&list, "webhook", "list", "--merchant", "meybod", "--json")
	if len(list) != 1 || list[0].ID != made.ID || list[0].Status != "enabled" || strings.Contains(out, "whsec_") {
		t.Errorf("listed %s", out)
	}
	if text := h.must(nil, "webhook", "list", "--merchant", "meybod"); !strings.Contains(text, made.URL) || strings.Contains(text, "whsec_") {
		t.Errorf("listed %q", text)
	}
	if text := h.must(nil, "webhook", "add", "--merchant", "meybod", "https://shop.example.ir/2"); !strings.HasPrefix(text, "whsec_") {
		t.Errorf("the secret is not the first line: %q", text)
	}
	h.refused(h.run("webhook", "remove", "--merchant", "meybod", "--test", made.ID), 1)
	h.must(nil, "webhook", "remove", "--merchant", "meybod", made.ID)
	h.refused(h.run("webhook", "remove", "--merchant", "meybod", made.ID), 1)
	h.refused(h.run("webhook", "add", "--merchant", "meybod", "http://shop.example.ir/"), 1, "url")
	h.refused(h.run("webhook", "add", "--merchant", "meybod", "https://10.0.0.1/"), 1, "url")
	h.refused(h.run("webhook", "add", "--merchant", "meybod", "--type", "invoice.lost", "https://shop.example.ir/"), 1, "types")
	h.refused(h.run("webhook", "add", "--merchant", "nobody", "https://shop.example.ir/"), 1)
	h.refused(h.run("webhook", "add", "--merchant", "meybod"), 2)
	h.env = append(h.env, "CHECKOUT_WEBHOOK_ALLOW=10.0.0.0/8")
	h.must(nil, "webhook", "add", "--merchant", "meybod", "http://10.0.0.1/")
}
