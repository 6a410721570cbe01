package config

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"time"
)

// shape is how a field is written in YAML.
type shape int

const (
	shapeScalar  shape = iota // one value
	shapeList                 // list of scalars; comma-separated in a variable
	shapeStruct               // keys with values
	shapeStructs              // list of structs; only in the file
	shapeMap                  // names chosen by the user; only in the file
)

var (
	textType     = reflect.TypeFor[encoding.TextUnmarshaler]()
	durationType = reflect.TypeFor[time.Duration]()
)

func shapeOf(t reflect.Type) shape {
	switch {
	case reflect.PointerTo(t).Implements(textType):
		return shapeScalar
	case t.Kind() == reflect.Struct:
		return shapeStruct
	case t.Kind() == reflect.Map:
		return shapeMap
	case t.Kind() == reflect.Slice && shapeOf(t.Elem()) == shapeStruct:
		return shapeStructs
	case t.Kind() == reflect.Slice:
		return shapeList
	default:
		return shapeScalar
	}
}

// setScalar puts text into v. The error says what text must be.
func setScalar(v reflect.Value, text string) error {
	if u, ok := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr()); ok {
		if err := u.UnmarshalText([]byte(text)); err != nil {
			return errors.New("must be " + describe(v.Type()))
		}
		return nil
	}
	if v.Type() == durationType {
		d, err := time.ParseDuration(text)
		if err != nil {
			return errors.New("must be a duration with a unit, like 500ms, 60s or 30m")
		}
		v.SetInt(int64(d))
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		if text != "true" && text != "false" {
			return errors.New("must be true or false")
		}
		v.SetBool(text == "true")
	case reflect.Int:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return errors.New("must be a whole number")
		}
		v.SetInt(n)
	case reflect.Uint16:
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil {
			return errors.New("must be a whole number from 0 to 65535")
		}
		v.SetUint(n)
	default:
		panic(fmt.Sprintf("config: field of type %s", v.Type())) // a test decodes every field
	}
	return nil
}

// describe names what the text of a type of ours looks like.
func describe(t reflect.Type) string {
	if t == reflect.TypeFor[PortRange]() {
		return "a range of ports, like 10000-31999"
	}
	return "an IP address"
}

// keyOf returns a field's YAML key, "" for a field that is not a key.
func keyOf(f reflect.StructField) string {
	if key := f.Tag.Get("yaml"); key != "-" {
		return key
	}
	return ""
}

func fieldByKey(v reflect.Value, key string) (reflect.Value, bool) {
	for i := range v.NumField() {
		if k := keyOf(v.Type().Field(i)); k != "" && k == key {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

// A leaf is a key that a variable can set: a scalar or a list of scalars.
type leaf struct {
	key   string
	doc   string
	value reflect.Value
}

// leaves returns all of them in the order of the structs.
func leaves(v reflect.Value, key string) []leaf {
	var found []leaf
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := keyOf(f)
		if name == "" {
			continue
		}
		switch child := join(key, name); shapeOf(f.Type) {
		case shapeStruct:
			found = append(found, leaves(v.Field(i), child)...)
		case shapeScalar, shapeList:
			found = append(found, leaf{key: child, doc: f.Tag.Get("doc"), value: v.Field(i)})
		default: // only in the file
		}
	}
	return found
}
