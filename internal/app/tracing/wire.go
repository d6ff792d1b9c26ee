package tracing

import (
	"encoding/binary"
	"time"
)

// The messages of opentelemetry/proto/trace/v1/trace.proto, as far as we have something to say in them.
// ExportTraceServiceRequest and TracesData are one on the wire.

// encode is one request to a collector.
func encode(service string, spans []*Span) []byte {
	resource := inside(nil, 1, encodeAttribute(attribute{name: "service.name", text: service}))
	scope := inside(nil, 1, []byte("dargah/internal/app/tracing"))
	scoped := inside(nil, 1, scope)
	for _, s := range spans {
		scoped = inside(scoped, 2, s.encode())
	}
	traced := inside(nil, 1, resource)
	traced = inside(traced, 2, scoped)
	return inside(nil, 1, traced)
}

func (s *Span) encode() []byte {
	trace := s.trace.Load()
	b := inside(nil, 1, trace[:])
	b = inside(b, 2, s.id[:])
	if s.parent != (spanID{}) {
		b = inside(b, 4, s.parent[:])
	}
	b = inside(b, 5, []byte(s.name))
	b = number(b, 6, int64(s.kind))
	b = moment(b, 7, s.began)
	b = moment(b, 8, s.ended)
	for _, a := range s.attributes {
		b = inside(b, 9, encodeAttribute(a))
	}
	if s.failed {
		b = inside(b, 15, number(nil, 3, 2)) // STATUS_CODE_ERROR
	}
	return b
}

func encodeAttribute(a attribute) []byte {
	var value []byte
	if a.text != "" {
		value = inside(nil, 1, []byte(a.text))
	} else {
		value = number(nil, 3, a.n)
	}
	return inside(inside(nil, 1, []byte(a.name)), 2, value)
}

// The three shapes of protobuf that these messages are made of.

func inside(b []byte, field uint64, content []byte) []byte {
	b = binary.AppendUvarint(b, field<<3|2)
	b = binary.AppendUvarint(b, uint64(len(content)))
	return append(b, content...)
}

func number(b []byte, field uint64, n int64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(b, field<<3), uint64(n))
}

func moment(b []byte, field uint64, t time.Time) []byte {
	return binary.LittleEndian.AppendUint64(binary.AppendUvarint(b, field<<3|1), uint64(t.UnixNano()))
}
