package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write golden files and docs/configuration.md")

func TestDefaultIsValid(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Fatal(err)
	}
	c, err := Load("", nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.where = nil; !reflect.DeepEqual(c, Default()) {
		t.Errorf("Load without file and variables = %+v, want the defaults", c)
	}
}

func TestZeroConfigIsNotValid(t *testing.T) {
	if err := new(Config).Validate(); err == nil {
		t.Fatal("the zero Config passed")
	}
}

func TestLoadReadsFileThenEnvironment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "b2bua.yaml")
	text := "sip: {listen: ['udp://192.0.2.1:5060']}\nmedia:\n  addresses: [192.0.2.1]\n  timeout: 20s\nlog: {level: debug}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path, []string{"B2BUA_MEDIA_TIMEOUT=30s", "B2BUA_LOG_FORMAT=json", "HOME=/", "B2BUA_LOG_LEVEL="})
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.SIP.Listen = []string{"udp://192.0.2.1:5060"}
	want.Media.Addresses = c.Media.Addresses
	want.Media.Timeout = 30e9
	want.Log = Log{Level: "debug", Format: "json"}
	if c.where = nil; !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
	if got := c.Media.Addresses[0].String(); got != "192.0.2.1" || len(c.Media.Addresses) != 1 {
		t.Errorf("media.addresses = %v", c.Media.Addresses)
	}
}

func TestLoadMissingFile(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.yaml"), nil)
	if !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("error = %v", err)
	}
}

// TestFaults compares every fault of each testdata/faults/*.yaml with the .txt
// beside it. Lines "#env NAME=value" in the YAML are the environment.
func TestFaults(t *testing.T) {
	files, err := filepath.Glob("testdata/faults/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var environ []string
			for line := range strings.Lines(string(data)) {
				if entry, ok := strings.CutPrefix(line, "#env "); ok {
					environ = append(environ, strings.TrimSpace(entry))
				}
			}
			_, err = load(filepath.Base(file), data, environ)
			if err == nil {
				t.Fatal("no fault")
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".txt", err.Error()+"\n")
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (rewrite it with -update):\ngot:\n%s\nwant:\n%s", file, got, want)
	}
}

func TestSecretsStayOut(t *testing.T) {
	for _, url := range []string{"postgres://u:hunter2@h:bad port/x", "hunter2", "mysql://u:hunter2@h/x"} {
		_, err := Load("", []string{"B2BUA_DATABASE_URL=" + url})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("error for %s = %v", url, err)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(Example(), "B2BUA_SIP_LISTEN=udp://[::1]:5060")
	f.Add("a: &a [*a]\nnetworks: {x: *a}", "B2BUA_=")
	f.Add("sip: {<<: {listen: [x]}}\n---\nsip: 1", "B2BUA_MEDIA_ADDRESSES=,")
	f.Fuzz(func(t *testing.T, text, variable string) {
		c, err := load("f.yaml", []byte(text), []string{variable})
		if (c == nil) == (err == nil) {
			t.Fatalf("config %v, error %v", c, err)
		}
		var all *Error
		if err != nil && (!errors.As(err, &all) || len(all.Faults) == 0) {
			t.Fatalf("error without faults: %v", err)
		}
		if err == nil {
			c.NetworkList()
		}
	})
}
