package crashtest_test

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"dargah/internal/db"
)

// call is one system call of a trace. Numbers are lines of the trace: what strace saw first has the
// smaller one. A call that others interrupted has begun before it ended.
type call struct {
	begun, ended int
	name         string
	file         string // path, or TCP:[from->to]
	data         string // as strace prints it; what it read or wrote
	result       int64
}

var (
	callLine    = regexp.MustCompile(`^(\d+) +(\w+)\((.*)\) += (-?\d+)`)
	brokenLine  = regexp.MustCompile(`^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$`)
	resumedLine = regexp.MustCompile(`^(\d+) +<\.\.\. (\w+) resumed>(.*)\) += (-?\d+)`)
	fileOf      = regexp.MustCompile(`^\d+<((?:TCP(?:v6)?:\[[^\]]*\])|[^>]*)>`)
)

// readTrace reads what strace -f -yy wrote. Calls that never came back are left out: nothing relies
// on them.
func readTrace(in io.Reader) ([]call, error) {
	var list []call
	open := map[string]call{} // by thread
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<24)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		switch {
		case brokenLine.MatchString(line):
			m := brokenLine.FindStringSubmatch(line)
			open[m[1]] = call{begun: n, name: m[2], data: m[3]}
		case resumedLine.MatchString(line):
			m := resumedLine.FindStringSubmatch(line)
			c, known := open[m[1]]
			if !known || c.name != m[2] {
				return nil, fmt.Errorf("line %d: %s resumes what never began", n, m[2])
			}
			delete(open, m[1])
			c.data += m[3]
			list = append(list, c.finish(n, m[4]))
		case callLine.MatchString(line):
			m := callLine.FindStringSubmatch(line)
			list = append(list, call{begun: n, name: m[2], data: m[3]}.finish(n, m[4]))
		}
	}
	return list, lines.Err()
}

func (c call) finish(line int, result string) call {
	c.ended = line
	c.result, _ = strconv.ParseInt(result, 10, 64)
	if m := fileOf.FindStringSubmatch(c.data); m != nil {
		c.file = m[1]
	}
	return c
}

func (c call) writes() bool {
	return strings.Contains(c.name, "write") || strings.HasPrefix(c.name, "send")
}
func (c call) reads() bool  { return c.name == "read" || strings.HasPrefix(c.name, "recv") }
func (c call) syncs() bool  { return c.name == "fsync" || c.name == "fdatasync" }
func (c call) socket() bool { return strings.HasPrefix(c.file, "TCP") }

// to reports whether a socket's other end has the port.
func (c call) to(port string) bool { return c.socket() && strings.HasSuffix(c.file, ":"+port+"]") }

// store is where a database keeps what is committed: SQLite's write-ahead log, or PostgreSQL at the
// other end of a socket.
type store struct {
	engine, name string // the log's path; the server's port
}

// message is something that leaves the process: all words in one write.
type message struct {
	to    string // port of the other end; "" for whoever asked us
	words []string
}

// law: what is written is durable before the message leaves.
type law struct {
	what    string
	store   store
	written []string // words of the rows, each written to the store
	before  message
	// strict: the write must be there before the message. Otherwise it may also come later as a whole:
	// only between a write and its durability nothing may leave.
	strict bool
}

// breaches says what is wrong in a trace.
func breaches(trace []call, laws []law) (list []string) {
	for _, l := range laws {
		if wrong := l.check(trace); wrong != "" {
			list = append(list, l.what+": "+wrong)
		}
	}
	return list
}

func (l law) check(trace []call) string {
	left := firstMessage(trace, l.before)
	if left == nil {
		return fmt.Sprintf("no message with %q is in the trace", l.before.words)
	}
	for _, word := range l.written {
		wrote := firstWrite(trace, l.store, word)
		switch {
		case wrote == nil:
			return fmt.Sprintf("nothing with %q was written to the store", word)
		case wrote.begun > left.begun && !l.strict:
			continue
		case wrote.ended > left.begun:
			return fmt.Sprintf("%q was written in line %d, the message left in line %d", word, wrote.begun, left.begun)
		}
		durable := l.store.durable(trace, wrote)
		switch {
		case durable == 0:
			return fmt.Sprintf("%q, written in line %d, never became durable", word, wrote.begun)
		case durable > left.begun:
			return fmt.Sprintf("%q, written in line %d, was durable in line %d, the message left in line %d", word, wrote.begun, durable, left.begun)
		}
	}
	return ""
}

func firstMessage(trace []call, m message) *call {
	for i := range trace {
		c := &trace[i]
		if c.writes() && c.socket() && (m.to == "" || c.to(m.to)) && hasAll(c.data, m.words) {
			return c
		}
	}
	return nil
}

func hasAll(s string, words []string) bool {
	for _, word := range words {
		// strace prints quotes inside data with a backslash.
		if word == "" || !strings.Contains(s, strings.ReplaceAll(word, `"`, `\"`)) {
			return false
		}
	}
	return true
}

func firstWrite(trace []call, s store, word string) *call {
	for i := range trace {
		c := &trace[i]
		if c.writes() && s.holds(c) && hasAll(c.data, []string{word}) {
			return c
		}
	}
	return nil
}

func (s store) holds(c *call) bool {
	if s.engine == db.SQLite {
		return c.file == s.name
	}
	return c.to(s.name)
}

// durable is the line in which a write had become durable: the end of the next fsync of SQLite's log,
// or of the read that brought PostgreSQL's answer to the next COMMIT on the same connection. PostgreSQL
// counts only where the connection was told to commit synchronously before.
func (s store) durable(trace []call, wrote *call) int {
	asked, synchronous := false, false
	for i := range trace {
		c := &trace[i]
		if s.engine == db.SQLite {
			if c.syncs() && s.holds(c) && c.begun > wrote.ended && c.result == 0 {
				return c.ended
			}
			continue
		}
		if c.file != wrote.file {
			continue
		}
		switch {
		case c.writes() && strings.Contains(c.data, "SET synchronous_commit = on"):
			synchronous = true
		case c.begun < wrote.begun:
		case c.writes() && strings.Contains(c.data, `commit\0`):
			asked = true
		case asked && c.reads() && strings.Contains(c.data, `COMMIT\0`):
			if !synchronous {
				return 0
			}
			return c.ended
		}
	}
	return 0
}
