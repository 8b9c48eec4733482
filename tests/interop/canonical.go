package main

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"sort"
	"strings"
)

// canonical writes a value so that equal messages have equal texts: pointers followed, maps and sets in order of their text, doubles by
// their bits. Kitex's generated DeepEqual cannot compare maps whose keys are structs, which it makes pointers.
func canonical(value any) string {
	var out bytes.Buffer
	write(&out, reflect.ValueOf(value), "")
	return out.String()
}

func write(out *bytes.Buffer, value reflect.Value, tag string) {
	switch value.Kind() {
	case reflect.Pointer, reflect.Interface:
		if value.IsNil() {
			out.WriteString("absent")
			return
		}
		write(out, value.Elem(), "")
	case reflect.Struct:
		out.WriteString("{")
		for i := 0; i < value.NumField(); i++ {
			field := value.Type().Field(i)
			fmt.Fprintf(out, "%s:", field.Name)
			write(out, value.Field(i), field.Tag.Get("thrift")+field.Tag.Get("frugal"))
			out.WriteString(" ")
		}
		out.WriteString("}")
	case reflect.Slice:
		if value.IsNil() && strings.Contains(tag, "optional") {
			out.WriteString("absent")
			return
		}
		items := make([]string, value.Len())
		for i := range items {
			items[i] = text(value.Index(i))
		}
		if strings.Contains(tag, ",set<") {
			sort.Strings(items)
		}
		fmt.Fprintf(out, "%q", items)
	case reflect.Map:
		if value.IsNil() && strings.Contains(tag, "optional") {
			out.WriteString("absent")
			return
		}
		var entries []string
		for _, key := range value.MapKeys() {
			entries = append(entries, text(key)+"="+text(value.MapIndex(key)))
		}
		sort.Strings(entries)
		fmt.Fprintf(out, "%q", entries)
	case reflect.Float32, reflect.Float64:
		fmt.Fprintf(out, "%#x", math.Float64bits(value.Float()))
	default:
		fmt.Fprintf(out, "%#v", value.Interface())
	}
}

func text(value reflect.Value) string {
	var out bytes.Buffer
	write(&out, value, "")
	return out.String()
}

// compare tells the first difference between two values.
func compare(got, want any) error {
	a, b := canonical(got), canonical(want)
	if a == b {
		return nil
	}
	at := 0
	for at < len(a) && at < len(b) && a[at] == b[at] {
		at++
	}
	return fmt.Errorf("differs: got …%s, want …%s", around(a, at), around(b, at))
}

func around(text string, at int) string {
	from, to := max(0, at-60), min(len(text), at+60)
	return text[from:to]
}
