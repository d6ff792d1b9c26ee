package payments

import "time"

// delays are how long after the last answer or time-out an unheard verify is asked again
// (CONTRACT §6.4): at once, then 5, 15, 30, 60 s, then every minute.
var delays = [...]time.Duration{0, 5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute}

// reasks are when a refusal that a gateway may take back is asked about again, counted from the
// first refusal (CONTRACT §6.4).
var reasks = [...]time.Duration{30 * time.Second, 2 * time.Minute, 8 * time.Minute}

// nextAsk says when to ask again after an answer that decided nothing, and false when nothing more
// can be learned automatically. askedAt is when the call was intended, now when it ended; silences
// counts the undecided answers in a row, this one included; asks counts all calls for the
// reference, this one included.
//
// Every reference is asked at least once before its deadline closes it, and once more at the
// deadline, however late we come to it.
func nextAsk(askedAt, now, deadline time.Time, silences, asks int, retryAfter time.Duration) (time.Time, bool) {
	if !askedAt.Before(deadline) {
		// This was the call at the deadline. It is the last one, unless it was the first as well.
		return now, asks < 2
	}
	delay := delays[min(silences, len(delays))-1]
	at := now.Add(max(delay, min(retryAfter, time.Minute)))
	if at.After(deadline) {
		at = deadline
	}
	if at.Before(now) {
		at = now // the call hung past the deadline: ask once more, now
	}
	return at, true
}
