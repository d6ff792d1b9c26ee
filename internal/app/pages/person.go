package pages

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// machines are words in the names of what fetches links without a person in front of it: searchers, mail
// scanners, messengers that draw previews, programs.
var machines = []string{
	"bot", "crawl", "spider", "slurp", "preview", "prefetch", "scan", "monitor", "fetch", "check", "headless", "lighthouse", "externalhit", "externalagent",
	"embedly", "whatsapp/", "skypeuri", "safelinks", "barracuda", "proofpoint", "mimecast", "microsoft office", "ms-office", "googleimageproxy", "google-read-aloud",
	"curl", "wget", "python", "go-http", "java/", "okhttp", "libwww", "axios", "node-fetch", "phantomjs", "selenium",
}

// browsers are those that tell with every page what the page is asked for (Fetch Metadata), and since when
// they surely do. Who bears such a name and does not tell is none.
var browsers = []struct {
	version *regexp.Regexp
	since   int
}{
	{regexp.MustCompile(`(?:Chrome|CriOS|Edg)/(\d+)`), 100},
	{regexp.MustCompile(`Firefox/(\d+)`), 100},
	{regexp.MustCompile(`Version/(\d+)[0-9.]* (?:Mobile/\w+ )?Safari/`), 17},
}

// byPerson reports whether a person opened the page of a request, as far as its headers tell: a browser that
// comes to show a whole page, from outside. A step from one of our own pages (a press, another language, the
// merchant's look from the admin) brings nobody new.
func byPerson(r *http.Request) bool {
	h := r.Header
	if r.Method != http.MethodGet || h.Get("Range") != "" {
		return false
	}
	for _, name := range []string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"} {
		if h.Get(name) != "" {
			return false // a browser that fetches ahead, a preview
		}
	}
	if !strings.Contains(h.Get("Accept"), "text/html") || h.Get("Accept-Language") == "" {
		return false
	}
	agent := h.Get("User-Agent")
	if !strings.HasPrefix(agent, "Mozilla/5.0 (") && !strings.HasPrefix(agent, "Opera/") {
		return false
	}
	named := strings.ReplaceAll(strings.ToLower(agent), "cubot", "") // a maker of telephones
	for _, m := range machines {
		if strings.Contains(named, m) {
			return false
		}
	}
	mode, dest, site := h.Get("Sec-Fetch-Mode"), h.Get("Sec-Fetch-Dest"), h.Get("Sec-Fetch-Site")
	if mode == "" && dest == "" && site == "" {
		return !telling(agent)
	}
	return mode == "navigate" && dest == "document" && site != "same-origin"
}

// telling reports whether a browser of this name and age tells what it asks for.
func telling(agent string) bool {
	for _, b := range browsers {
		if m := b.version.FindStringSubmatch(agent); m != nil {
			n, err := strconv.Atoi(m[1])
			return err != nil || n >= b.since
		}
	}
	return false
}
