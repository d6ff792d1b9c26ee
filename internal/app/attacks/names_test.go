package attacks_test

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync"

	"golang.org/x/net/dns/dnsmessage"
)

// names is the name server of this process: it knows what a test tells it, and nothing else.
var names nameServer

type nameServer struct {
	mu    sync.Mutex
	known map[string]netip.Addr // with the dot at the end
}

// point says where a name leads from now on.
func (s *nameServer) point(name, address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = map[string]netip.Addr{}
	}
	s.known[name+"."] = netip.MustParseAddr(address)
}

// dial is a connection to the name server: a pipe, on which the resolver speaks DNS as over TCP.
func (s *nameServer) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	go func() {
		defer func() { _ = ours.Close() }()
		for s.answer(ours) == nil {
		}
	}()
	return theirs, nil
}

func (s *nameServer) answer(c net.Conn) error {
	var size [2]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return err
	}
	raw := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(c, raw); err != nil {
		return err
	}
	var asked dnsmessage.Message
	if err := asked.Unpack(raw); err != nil {
		return err
	}
	reply, err := s.reply(asked)
	if err != nil {
		return err
	}
	_, err = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...))
	return err
}

func (s *nameServer) reply(asked dnsmessage.Message) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: asked.ID, Response: true, Authoritative: true, RecursionAvailable: true},
		Questions: asked.Questions,
	}
	for _, q := range asked.Questions {
		at, ok := s.known[q.Name.String()]
		about := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
		switch {
		case !ok:
			out.RCode = dnsmessage.RCodeNameError
		case q.Type == dnsmessage.TypeA && at.Is4():
			out.Answers = append(out.Answers, dnsmessage.Resource{Header: about, Body: &dnsmessage.AResource{A: at.As4()}})
		case q.Type == dnsmessage.TypeAAAA && at.Is6():
			out.Answers = append(out.Answers, dnsmessage.Resource{Header: about, Body: &dnsmessage.AAAAResource{AAAA: at.As16()}})
		}
	}
	return out.Pack()
}
