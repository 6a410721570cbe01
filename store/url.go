package store

import (
	"errors"
	"net/url"
	"path/filepath"
	"strings"
)

// cutScheme splits a URL at ://.
func cutScheme(s string) (scheme, rest string, ok bool) { return strings.Cut(s, "://") }

// sqlitePath returns the file that a sqlite:// URL names.
func sqlitePath(rawURL string) (string, error) {
	_, rest, _ := cutScheme(rawURL)
	if strings.ContainsAny(rest, "?#") {
		return "", errors.New("store: a sqlite:// URL takes no options; write ? and # in a file name as %3F and %23")
	}
	path, err := url.PathUnescape(rest)
	if err != nil {
		return "", errors.New("store: sqlite:// URL: a % must be followed by two hexadecimal digits")
	}
	switch {
	case path == "" || strings.HasSuffix(path, "/"):
		return "", errors.New("store: a sqlite:// URL must name a file, such as sqlite://data/b2bua.db")
	case strings.HasPrefix(path, ":"):
		return "", errors.New("store: SQLite in memory is not supported: calls and policy would be lost at every stop")
	case strings.ContainsRune(path, 0):
		return "", errors.New("store: a file name must not contain NUL")
	}
	return filepath.Clean(path), nil
}

// secretsOf returns every form in which a URL's secrets could turn up in an
// error's text.
func secretsOf(u *url.URL) []string {
	var secrets []string
	add := func(s string) {
		if s != "" {
			secrets = append(secrets, s, url.QueryEscape(s), url.PathEscape(s))
		}
	}
	if u.User != nil {
		password, _ := u.User.Password()
		add(password)
		if _, raw, ok := strings.Cut(u.User.String(), ":"); ok {
			add(raw)
		}
	}
	for key, values := range u.Query() {
		if strings.Contains(strings.ToLower(key), "password") {
			for _, v := range values {
				add(v)
			}
		}
	}
	return secrets
}
