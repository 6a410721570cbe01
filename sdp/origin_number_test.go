package sdp

import "testing"

// A number that does not fit reads as zero, not as the largest one.
func TestOriginNumberTooLarge(t *testing.T) {
	s, err := Parse([]byte("v=0\r\no=- 20000000000000000000 7 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	if o := s.Origin(); o.ID != 0 || o.Version != 7 {
		t.Errorf("%+v", o)
	}
}
