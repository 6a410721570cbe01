package main

import (
	"net/http"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"

	"b2bua/internal/siptest"
)

// A shell runs the few commands that our texts show: assignments and curl.
type shell struct {
	t    *testing.T
	base string // what stands for the address in the text; empty: the text's own
	vars map[string]string
}

// run runs the commands among the lines of a text and returns what they
// answer.
func (s shell) run(text string) (answers []string) {
	s.t.Helper()
	assignment := regexp.MustCompile(`^[A-Z]+=`)
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		line = strings.TrimSpace(line)
		switch {
		case assignment.MatchString(line):
			for part := range strings.SplitSeq(line, "; ") {
				for _, word := range s.words(part) {
					name, value, _ := strings.Cut(word, "=")
					s.vars[name] = value
				}
			}
		case strings.HasPrefix(line, "curl "):
			answers = append(answers, s.curl(s.words(line)[1:]))
		}
	}
	return answers
}

// words splits as a shell does: quotes, $NAME, and $(cat FILE).
func (s shell) words(line string) []string {
	line = regexp.MustCompile(`\$\(cat (\S+)\)`).ReplaceAllStringFunc(line, func(m string) string {
		raw, err := os.ReadFile(s.vars["PWD"] + "/" + m[len("$(cat "):len(m)-1])
		if err != nil {
			s.t.Fatal(err)
		}
		return strings.TrimSpace(string(raw))
	})
	var words []string
	var word strings.Builder
	quote, inside := rune(0), false
	variable := func(text string) string {
		return regexp.MustCompile(`\$[A-Z]+`).ReplaceAllStringFunc(text, func(name string) string { return s.vars[name[1:]] })
	}
	var part strings.Builder
	flush := func() {
		if quote == '\'' {
			word.WriteString(part.String())
		} else {
			word.WriteString(variable(part.String()))
		}
		part.Reset()
	}
	for _, c := range line + " " {
		switch {
		case quote != 0 && c == quote:
			flush()
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			flush()
			quote, inside = c, true
		case quote == 0 && c == ' ':
			flush()
			if inside {
				words = append(words, word.String())
			}
			word.Reset()
			inside = false
		default:
			part.WriteRune(c)
			inside = true
		}
	}
	return words
}

func (s shell) curl(args []string) string {
	s.t.Helper()
	method, body, url, token, kind, file := http.MethodGet, "", "", "", "", ""
	for i := 0; i < len(args); i++ {
		switch args[i] {
		case "-H":
			i++
			name, value, _ := strings.Cut(args[i], ": ")
			switch name {
			case "Authorization":
				token = strings.TrimPrefix(value, "Bearer ")
			case "Content-Type":
				kind = value
			default:
				s.t.Fatalf("header %q", args[i])
			}
		case "-d":
			i++
			method, body = http.MethodPost, args[i]
		case "-X":
			i++
			method = args[i]
		case ">":
			i++
			file = args[i]
		default:
			url = args[i]
		}
	}
	if body != "" && kind != "application/json" {
		s.t.Errorf("curl %q sends JSON and calls it %q", args, kind)
	}
	if !strings.HasPrefix(url, "http://") {
		url = "http://" + url
	}
	address, path, _ := strings.Cut(strings.TrimPrefix(url, "http://"), "/")
	base := "http://" + address
	if s.base != "" {
		base = s.base
	}
	answer := client{t: s.t, base: base, token: token}.must(method, "/"+path, body)
	if file != "" {
		if err := os.WriteFile(s.vars["PWD"]+"/"+file, []byte(answer), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	return answer
}

// callBob calls the SIP URI that a text shows, from a telephone that nobody
// knows.
func callBob(t *testing.T, text string) {
	t.Helper()
	uri := regexp.MustCompile(`sip:\S+`).FindString(text)
	_, host, _ := strings.Cut(uri, "@")
	server := netip.MustParseAddrPort(host)
	peer := siptest.New(t, "127.0.0.1:0")
	invite := peer.Invite(uri, "somebody", "stranger", siptest.SDP(netip.MustParseAddrPort("127.0.0.1:9")))
	peer.Send(server, invite)
	ok := peer.Await("200 INVITE")
	peer.Send(server, peer.Request("ACK", 1, invite, ok))
	peer.Send(server, peer.Request("BYE", 2, invite, ok))
	peer.Await("200 BYE")
}
