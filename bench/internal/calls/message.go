package calls

import (
	"bytes"
	"strconv"
	"strings"
)

// A message is a SIP message cut into lines.
type message struct {
	start string // request or status line
	lines []string
}

// parse cuts a datagram; false: it is no SIP message. Headers are expected in
// their long form, one a line, as both servers write them.
func parse(datagram []byte) (message, bool) {
	head, _, found := bytes.Cut(datagram, []byte("\r\n\r\n"))
	lines := strings.Split(string(head), "\r\n")
	if !found || !strings.Contains(lines[0], "SIP/2.0") {
		return message{}, false
	}
	return message{start: lines[0], lines: lines[1:]}, true
}

// status is the status of a response, 0 for a request.
func (m message) status() int {
	rest, ok := strings.CutPrefix(m.start, "SIP/2.0 ")
	if !ok || len(rest) < 3 {
		return 0
	}
	n, err := strconv.Atoi(rest[:3])
	if err != nil {
		return 0
	}
	return n
}

// method is that of a request, or of the request that is answered.
func (m message) method() string {
	_, method, _ := strings.Cut(m.first("CSeq"), " ")
	return strings.TrimSpace(method)
}

// all are the values of a header.
func (m message) all(name string) []string {
	var found []string
	for _, line := range m.lines {
		key, value, ok := strings.Cut(line, ":")
		if ok && strings.EqualFold(strings.TrimSpace(key), name) {
			found = append(found, strings.TrimSpace(value))
		}
	}
	return found
}

// first is the first value of a header, or empty.
func (m message) first(name string) string {
	if values := m.all(name); len(values) > 0 {
		return values[0]
	}
	return ""
}

// uri is what stands between the angle brackets of an address, or before its
// parameters when it has none.
func uri(address string) string {
	if _, rest, ok := strings.Cut(address, "<"); ok {
		inside, _, _ := strings.Cut(rest, ">")
		return inside
	}
	before, _, _ := strings.Cut(address, ";")
	return before
}

// write makes a message of a start line, header lines and a body.
func write(start string, headers []string, body string) []byte {
	var b bytes.Buffer
	b.WriteString(start + "\r\n")
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	if body != "" {
		b.WriteString("Content-Type: application/sdp\r\n")
	}
	b.WriteString("Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body)
	return b.Bytes()
}

// describe is an offer or an answer of one audio stream at an address where
// nobody listens.
func describe(ip string, port int) string {
	return "v=0\r\no=- 1 1 IN IP4 " + ip + "\r\ns=-\r\nc=IN IP4 " + ip + "\r\nt=0 0\r\nm=audio " + strconv.Itoa(port) +
		" RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
}
