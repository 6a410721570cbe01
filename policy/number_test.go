package policy

import (
	"testing"

	"pgregory.net/rapid"
)

func TestNumber(t *testing.T) {
	for _, tc := range []struct{ user, want string }{
		{"", ""},
		{"1000", "1000"},
		{"33123456789", "33123456789"},
		{"+33123456789", "+33123456789"},
		{"+33-1-23.45(67)89", "+33123456789"},
		{"(0)1", "01"},
		{"*98#", "*98#"},
		{"+33123;npdi;rn=+331", "+33123"},
		{"1000;phone-context=example.com", "1000"},
		{"1-2;isub=3", "12"},
		// No telephone numbers: as they came.
		{"alice", "alice"},
		{"alice.smith", "alice.smith"},
		{"Sales-2", "Sales-2"},
		{"alice;x=1", "alice;x=1"},
		{"33+4-4", "33+4-4"},
		{"%2331%23", "%2331%23"},
		{"+", "+"},
		{"-", "-"},
		{"()", "()"},
		{"+;x", "+;x"},
		{"١٢", "١٢"},
	} {
		if got := number(tc.user); got != tc.want {
			t.Errorf("number(%q) = %q, want %q", tc.user, got, tc.want)
		}
	}
}

func TestNumberIsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		user := rapid.StringOf(rapid.SampledFrom([]rune("+019*#-.();a%"))).Draw(t, "user")
		once := number(user)
		if twice := number(once); twice != once {
			t.Fatalf("%q → %q → %q", user, once, twice)
		}
	})
}
