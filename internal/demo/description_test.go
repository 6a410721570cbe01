package demo

import (
	"net/netip"
	"testing"
)

func TestAudioOf(t *testing.T) {
	t.Parallel()
	const head = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\n"
	for name, tt := range map[string]struct{ body, want string }{
		"session address":     {head + "c=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n", "192.0.2.1:4000"},
		"its own address":     {head + "c=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\nc=IN IP4 192.0.2.2\r\n", "192.0.2.2:4000"},
		"video's address":     {head + "c=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\nm=video 5000 RTP/AVP 96\r\nc=IN IP4 192.0.2.3\r\n", "192.0.2.1:4000"},
		"video first":         {head + "m=video 5000 RTP/AVP 96\r\nc=IN IP4 192.0.2.3\r\nm=audio 4000 RTP/AVP 0\r\nc=IN IP4 192.0.2.2\r\n", "192.0.2.2:4000"},
		"second audio":        {head + "c=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\nm=audio 6000 RTP/AVP 0\r\nc=IN IP4 192.0.2.3\r\n", "192.0.2.1:4000"},
		"line ends":           {"v=0\nc=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 0\n", "192.0.2.1:4000"},
		"our own":             {string(describe(netip.MustParseAddrPort("127.0.0.1:7000"))), "127.0.0.1:7000"},
		"none":                {"", ""},
		"no address":          {head + "m=audio 4000 RTP/AVP 0\r\n", ""},
		"not an address":      {head + "c=IN IP4 phone.invalid\r\nm=audio 4000 RTP/AVP 0\r\n", ""},
		"rejected":            {head + "c=IN IP4 192.0.2.1\r\nm=audio 0 RTP/AVP 0\r\n", ""},
		"port out of range":   {head + "c=IN IP4 192.0.2.1\r\nm=audio 70000 RTP/AVP 0\r\n", ""},
		"IPv6 we do not have": {head + "c=IN IP6 ::1\r\nm=audio 4000 RTP/AVP 0\r\n", ""},
		"m line cut short":    {head + "c=IN IP4 192.0.2.1\r\nm=\r\nm=audio\r\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := audioOf([]byte(tt.body))
			switch {
			case tt.want == "" && err == nil:
				t.Errorf("got %s, want an error", got)
			case tt.want != "" && (err != nil || got.String() != tt.want):
				t.Errorf("got %s (%v), want %s", got, err, tt.want)
			}
		})
	}
}

func FuzzAudioOf(f *testing.F) {
	f.Add(describe(netip.MustParseAddrPort("127.0.0.1:7000")))
	f.Add([]byte("m=\nc=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 0"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if to, err := audioOf(body); err == nil && (!to.Addr().Is4() || to.Port() == 0) {
			t.Errorf("%q wants its audio at %s", body, to)
		}
	})
}
