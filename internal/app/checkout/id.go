package checkout

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"io"
	"time"
)

// The prefixes of ids (CONTRACT §7).
const (
	PrefixInvoice  = "inv_"
	PrefixAttempt  = "att_"
	PrefixEvent    = "evt_"
	PrefixMerchant = "mer_"
	PrefixKey      = "key_"
	PrefixUser     = "usr_"
	PrefixAccount  = "gwa_"
	PrefixRefund   = "rfd_"
	PrefixLinkKey  = "lnk_"
	PrefixRun      = "run_"
	PrefixLetter   = "let_"
	PrefixLogin    = "lgn_"
	PrefixNote     = "nte_"
	PrefixEndpoint = "whe_"
	PrefixDelivery = "whd_"
	PrefixDeed     = "ded_"
	PrefixPasskey  = "pky_"
	PrefixInvited  = "ivt_"
)

// IDDigits is how long an id is behind its prefix.
const IDDigits = 25

var crockford = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewID makes an id that sorts by time: 48 bits of milliseconds and 77 random bits. The random part
// is what keeps a restored database from minting an id twice.
func NewID(prefix string, now time.Time, random io.Reader) string {
	var b [16]byte
	ms := uint64(now.UnixMilli())
	binary.BigEndian.PutUint64(b[:8], ms<<16)
	mustRead(random, b[6:])
	return prefix + crockford.EncodeToString(b[:])[:IDDigits]
}

// NewToken makes the token of a payment link: 128 random bits, derived from nothing.
func NewToken(random io.Reader) string {
	var b [16]byte
	mustRead(random, b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// NewNumber makes the number that a gateway knows an attempt by: 20 digits, the first one 1 (some
// systems drop leading zeros), 63 random bits behind it. New for every attempt, so that a restored
// database cannot use one twice (CONTRACT §6.1).
func NewNumber(random io.Reader) string {
	var b [8]byte
	mustRead(random, b[:])
	n := binary.BigEndian.Uint64(b[:]) % 1e19
	d := [20]byte{'1'}
	for i := len(d) - 1; i > 0; i-- {
		d[i] = byte('0' + n%10)
		n /= 10
	}
	return string(d[:])
}

// mustRead fills b. crypto/rand never fails (Go 1.24), and a seeded reader in a test that does
// would make two equal tokens: stopping is the only safe answer.
func mustRead(random io.Reader, b []byte) {
	if _, err := io.ReadFull(random, b); err != nil {
		panic("checkout: no randomness: " + err.Error())
	}
}
