package gateways_test

import (
	"sync"
	"testing"
	"time"

	"dargah/internal/gateways"
)

func TestBreaker_OpensAndTriesAgain(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	began := now
	b := &gateways.Breaker{Now: func() time.Time { return now }}
	for i := range 5 {
		if !b.Allow("a") {
			t.Fatalf("closed after %d troubles", i)
		}
		if open, _ := b.State("a"); open {
			t.Fatalf("open after %d troubles", i)
		}
		b.Report("a", true)
		now = now.Add(time.Second)
	}
	if b.Allow("a") || !b.Allow("b") {
		t.Fatal("after five troubles a rests, and only a")
	}
	if open, since := b.State("a"); !open || !since.Equal(began) {
		t.Fatalf("state %t since %v, want open since the first trouble", open, since)
	}

	now = began.Add(4*time.Second + 30*time.Second)
	if open, _ := b.State("a"); open {
		t.Fatal("when the rest is over the next customer is let through: the page must offer it")
	}
	if !b.Allow("a") || b.Allow("a") {
		t.Fatal("after the rest exactly one caller tries")
	}
	b.Report("a", true)
	if b.Allow("a") {
		t.Fatal("its trouble opens the rest again")
	}
	now = now.Add(30 * time.Second)
	if !b.Allow("a") {
		t.Fatal("a second caller tries when the first probe's rest is over")
	}
	// This one dies without a report.
	now = now.Add(30 * time.Second)
	if !b.Allow("a") {
		t.Fatal("a probe that never reports blocks nobody for ever")
	}
	b.Report("a", false)
	if open, _ := b.State("a"); open || !b.Allow("a") || !b.Allow("a") {
		t.Fatal("an answer closes it")
	}
}

func TestBreaker_OnlyInARow(t *testing.T) {
	var b gateways.Breaker
	for i := range 40 {
		b.Report("a", i%5 != 4)
	}
	if !b.Allow("a") {
		t.Error("four troubles and an answer are not five in a row")
	}
}

func TestBreaker_LateReportsDoNotProlong(t *testing.T) {
	now := time.Unix(0, 0)
	b := &gateways.Breaker{Now: func() time.Time { return now }}
	for range 5 {
		b.Report("a", true)
	}
	now = now.Add(20 * time.Second)
	b.Report("a", true)
	now = now.Add(10 * time.Second)
	if !b.Allow("a") {
		t.Error("a call that was out at the opening prolonged the rest")
	}
}

func TestBreaker_Concurrent(t *testing.T) {
	var b gateways.Breaker
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			b.Allow("a")
			b.Report("a", i%2 == 0)
			b.State("a")
		})
	}
	wg.Wait()
}
