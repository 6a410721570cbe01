package config

import (
	"reflect"
	"slices"
	"strings"
)

const prefix = "B2BUA_"

// variableOf returns the variable that sets key: sip.listen is
// B2BUA_SIP_LISTEN.
func variableOf(key string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// environment decodes the B2BUA_… variables. An empty one counts as not set,
// because that is what compose files make of a variable that is missing.
func (d *decoder) environment(environ []string, into reflect.Value) {
	all := leaves(into, "")
	for _, entry := range environ {
		name, text, ok := strings.Cut(entry, "=")
		if !ok || !strings.HasPrefix(name, prefix) || foreign(name) || text == "" {
			continue
		}
		i := slices.IndexFunc(all, func(l leaf) bool { return variableOf(l.key) == name })
		if i < 0 {
			d.fault(Fault{Key: name, Message: "unknown variable" + suggestVariable(all, name)})
			continue
		}
		d.variable(name, text, all[i])
	}
}

// variable sets one leaf. A list is comma-separated.
func (d *decoder) variable(name, text string, l leaf) {
	d.where[l.key] = name
	if shapeOf(l.value.Type()) != shapeList {
		if err := setScalar(l.value, text); err != nil {
			d.fault(Fault{Key: l.key, Where: name, Value: text, Message: err.Error()})
		}
		return
	}
	items := reflect.MakeSlice(l.value.Type(), 0, 1)
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		entry := reflect.New(l.value.Type().Elem()).Elem()
		if err := setScalar(entry, part); err != nil {
			d.fault(Fault{Key: l.key, Where: name, Value: part, Message: err.Error()})
			return
		}
		items = reflect.Append(items, entry)
	}
	l.value.Set(items)
}

// foreign reports whether a variable with our prefix is not meant for us:
// B2BUA_CONFIG names the file and belongs to the command line; the others are
// what Kubernetes puts into every container when a service is called "b2bua".
func foreign(name string) bool {
	rest := strings.TrimPrefix(name, prefix)
	return rest == "CONFIG" || rest == "PORT" || rest == "SERVICE_HOST" ||
		strings.HasPrefix(rest, "PORT_") || rest == "SERVICE_PORT" || strings.HasPrefix(rest, "SERVICE_PORT_")
}
