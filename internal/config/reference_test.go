package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

const referenceIntro = `# Configuration

<!-- Written by go test ./internal/config -update; do not edit. -->

` + "`b2bua serve`" + ` needs no configuration: the defaults listen on the loopback address and keep their data under ` + "`data/`" + `.
Settings come from three places, each over the one before: the defaults, a YAML file (` + "`--config FILE`" + `), and environment variables.
` + "`b2bua check`" + ` reads them like ` + "`serve`" + ` does and reports every fault at once.

- An unknown key or ` + "`B2BUA_…`" + ` variable is an error that names the nearest known one.
- Every scalar and list key has a variable: the key in capitals, dots as underscores, ` + "`B2BUA_`" + ` in front. Lists are comma-separated. An empty variable counts as not set. ` + "`networks`" + ` and ` + "`tls.certificates`" + ` can only be set in the file.
- Durations need a unit: ` + "`500ms`, `60s`, `30m`" + `. Relative paths start at the working directory.
- A key without a value keeps its default.

## A file with every key at its default

`

// TestReference keeps docs/configuration.md equal to the structs, the defaults
// and example.yaml.
func TestReference(t *testing.T) {
	var b strings.Builder
	b.WriteString(referenceIntro + "```yaml\n" + Example() + "```\n\n## Keys\n\n")
	b.WriteString("| key | variable | default | meaning |\n|---|---|---|---|\n")
	defaults := reflect.ValueOf(Default()).Elem()
	for _, l := range leaves(defaults, "") {
		if l.doc == "" || strings.ContainsAny(l.doc, "|\n") {
			t.Errorf("%s has no doc tag, or one that does not fit into a table", l.key)
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", l.key, variableOf(l.key), defaultText(l.value), l.doc)
	}
	for _, group := range []struct {
		key string
		of  reflect.Type
	}{{"networks.NAME", reflect.TypeFor[Network]()}, {"tls.certificates[]", reflect.TypeFor[Certificate]()}} {
		for _, l := range leaves(reflect.New(group.of).Elem(), group.key) {
			fmt.Fprintf(&b, "| `%s` | | | %s |\n", l.key, l.doc)
		}
	}
	golden(t, "../../docs/configuration.md", b.String())
}

func defaultText(v reflect.Value) string {
	text := fmt.Sprint(v.Interface())
	switch {
	case v.Type() == durationType:
		text = short(time.Duration(v.Int()))
	case v.Kind() == reflect.Slice:
		text = strings.Trim(text, "[]")
	}
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}

func TestExampleIsTheDefault(t *testing.T) {
	c, err := load("example.yaml", []byte(Example()), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range leaves(reflect.ValueOf(c).Elem(), "") {
		if c.where[l.key] == "" {
			t.Errorf("example.yaml does not show %s", l.key)
		}
	}
	c.where, c.TLS.Certificates = nil, nil
	if !reflect.DeepEqual(c, Default()) {
		t.Errorf("example.yaml = %+v, want the defaults", c)
	}
}

// TestExampleNetworks loads what example.yaml shows as a comment.
func TestExampleNetworks(t *testing.T) {
	_, text, found := strings.Cut(Example(), "# networks:")
	if !found {
		t.Fatal("no networks in the example")
	}
	text, _, _ = strings.Cut("# networks:"+text, "\ntls:")
	text = strings.ReplaceAll("\n"+text, "\n# ", "\n")
	c, err := load("example.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	list := c.NetworkList()
	if len(list) != 2 || list[1].Name != "outside" || list[1].Unknown != "drop" || list[1].Media.Ports.Max != 29999 {
		t.Errorf("networks = %+v", list)
	}
}

// TestEveryVariable sets each leaf through its variable, so that a field of a
// type that cannot be decoded is found here.
func TestEveryVariable(t *testing.T) {
	var names []string
	for _, l := range leaves(reflect.ValueOf(Default()).Elem(), "") {
		name := variableOf(l.key)
		if slices.Contains(names, name) || foreign(name) {
			t.Errorf("%s is the variable of two keys or of somebody else", name)
		}
		names = append(names, name)
		text := "x"
		switch v := l.value.Interface().(type) {
		case uint16, int:
			text = "7"
		case bool:
			text = "true"
		case time.Duration:
			text = "7s"
		case PortRange:
			text = "7-9"
		case fmt.Stringer:
			t.Errorf("%s: no sample for %T", l.key, v)
		}
		if strings.HasSuffix(l.key, "addresses") {
			text = "192.0.2.7,2001:db8::7"
		}
		c := Default()
		d := decoder{where: map[string]string{}}
		d.environment([]string{name + "=" + text}, reflect.ValueOf(c).Elem())
		if len(d.faults) > 0 || d.where[l.key] != name || reflect.DeepEqual(c, Default()) {
			t.Errorf("%s=%s: faults %v, config %+v", name, text, d.faults, c)
		}
	}
}

func TestForeignVariables(t *testing.T) {
	_, err := Load("", []string{
		"B2BUA_CONFIG=x.yaml", "B2BUA_SERVICE_HOST=10.0.0.1", "B2BUA_SERVICE_PORT_HTTP=8080",
		"B2BUA_PORT=tcp://10.0.0.1:8080", "B2BUA_PORT_8080_TCP_ADDR=10.0.0.1", "NOTB2BUA_X=1", "garbage",
	})
	if err != nil {
		t.Fatal(err)
	}
}
