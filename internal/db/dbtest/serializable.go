package dbtest

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"testing"
)

// SerializableEnv makes every database of PostgreSQL's serializable, for a run of a whole suite.
const SerializableEnv = "CHECKOUT_TEST_SERIALIZABLE"

// Serializable gives the URL of a PostgreSQL database through a line on which every transaction asks for
// serializable instead of less: what CockroachDB makes of them where read committed is switched off.
func Serializable(t testing.TB, direct string) string {
	t.Helper()
	u, err := url.Parse(direct)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	server := u.Host
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go strengthen(client, server)
		}
	}()
	u.Host = l.Addr().String()
	return u.String()
}

func strengthen(client net.Conn, address string) {
	defer client.Close()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(client, server)
		_ = client.Close()
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		sent := buf[:n]
		// Words of one length: a message says how long it is. A BEGIN is a message of its own, awaited before the next.
		sent = bytes.Replace(sent, []byte("isolation level read committed"), []byte("isolation level serializable  "), 1)
		sent = bytes.Replace(sent, []byte("isolation level repeatable read"), []byte("isolation level serializable   "), 1)
		if _, werr := server.Write(sent); err != nil || werr != nil {
			return
		}
	}
}
