package sdp

import "testing"

// Sessions that differ in their o= line only share a digest, and no others do.
func TestDigest(t *testing.T) {
	t.Parallel()
	const head, rest = "v=0\r\no=a 1 1 IN IP4 192.0.2.1\r\n", "s=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4 RTP/AVP 0\r\na=sendonly\r\n"
	texts := []string{
		head + rest,
		"v=0\r\no=other 7 9 IN IP4 192.0.2.2\r\n" + rest,
		head + rest + "m=audio 4 RTP/AVP 0\r\n",
		head + "s=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4 RTP/AVP 0\r\na=recvonly\r\n",
		head + "s=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\na=sendonly\r\nm=audio 4 RTP/AVP 0\r\n",
	}
	for i, a := range texts {
		for j, b := range texts {
			s, err := Parse([]byte(a))
			if err != nil {
				t.Fatal(err)
			}
			other, err := Parse([]byte(b))
			if err != nil {
				t.Fatal(err)
			}
			if (s.Digest() == other.Digest()) != Same(s, other) {
				t.Errorf("%d and %d: same %v", i, j, Same(s, other))
			}
		}
	}
}
