package api

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	tokenBytes    = 32   // of randomness in a token made here
	minTokenChars = 32   // a token given by hand must not be guessable
	maxTokenFile  = 4096 // a longer file is not a token
)

// LoadOrCreateToken returns the admin token in the file at path. When there is
// no such file it makes one, with its directory, readable by its owner only,
// and reports created. It refuses a file that group or others may read, a
// token shorter than 32 characters, and one with spaces or control characters.
//
// Two processes that start at once agree: the file appears whole or not at
// all, and whoever comes second reads the first one's token.
func LoadOrCreateToken(path string) (token string, created bool, err error) {
	for range 2 {
		token, err = loadToken(path)
		if !errors.Is(err, fs.ErrNotExist) {
			return token, false, err
		}
		token, err = createToken(path)
		if !errors.Is(err, fs.ErrExist) {
			return token, err == nil, err
		}
	}
	return "", false, fmt.Errorf("api: token file %s comes and goes", path)
}

func loadToken(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("api: token file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("api: token file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("api: token file %s is not a regular file", path)
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return "", fmt.Errorf("api: token file %s can be read by others (mode %04o); run: chmod 600 %s", path, perm, path)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxTokenFile+1))
	if err != nil {
		return "", fmt.Errorf("api: token file: %w", err)
	}
	if len(b) > maxTokenFile {
		return "", fmt.Errorf("api: token file %s is longer than %d bytes", path, maxTokenFile)
	}
	token := strings.TrimSpace(string(b))
	if len(token) < minTokenChars {
		return "", fmt.Errorf("api: token file %s holds %d characters, at least %d are needed", path, len(token), minTokenChars)
	}
	for _, c := range token {
		if c <= ' ' || c > '~' {
			return "", fmt.Errorf("api: token file %s holds a character that no Authorization header can carry", path)
		}
	}
	return token, nil
}

// createToken writes a new token to a file of its own and links it to path, so
// that nobody ever reads half of one. The error is fs.ErrExist when another
// process was faster.
func createToken(path string) (string, error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("api: token directory: %w", err)
	}
	secret := make([]byte, tokenBytes)
	rand.Read(secret) // never fails (crypto/rand)
	token := base64.RawURLEncoding.EncodeToString(secret)

	f, err := os.CreateTemp(dir, ".token-*") // 0600
	if err != nil {
		return "", fmt.Errorf("api: token file: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(token + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return "", fmt.Errorf("api: token file: %w", err)
	}
	if err := os.Link(f.Name(), path); err != nil {
		return "", fmt.Errorf("api: token file: %w", err)
	}
	return token, nil
}
