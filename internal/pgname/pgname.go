// Package pgname writes PostgreSQL names into SQL text. Names can't be
// parameters of a statement, so whoever lets a user choose a schema has to quote
// it; this is the one place that does.
package pgname

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxLength is the longest name in bytes that a server as commonly built keeps.
// It cuts longer ones off without an error, so that two names may become one.
const MaxLength = 63

// SchemaNameError is returned for a name that no Postgres schema can have.
type SchemaNameError struct {
	Name   string // the name as it was given
	Reason string // why it can't be one, as in "is empty"
}

func (e *SchemaNameError) Error() string {
	return fmt.Sprintf("schema name %q %s", e.Name, e.Reason)
}

// Quote returns name as a delimited identifier, which stands for exactly that
// name whatever its case and characters. The error is a *[SchemaNameError] where
// name is empty, longer than [MaxLength] bytes, holds a NUL or is not UTF-8.
func Quote(name string) (string, error) {
	if reason := refusal(name); reason != "" {
		return "", &SchemaNameError{Name: name, Reason: reason}
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`, nil
}

// Qualified returns table, quoted and within schema: "schema"."table". An empty
// schema leaves the table to the session's search_path: "table". Errors are those
// of [Quote].
func Qualified(schema, table string) (string, error) {
	quoted, err := Quote(table)
	if err != nil || schema == "" {
		return quoted, err
	}
	prefix, err := Quote(schema)
	if err != nil {
		return "", err
	}
	return prefix + "." + quoted, nil
}

// Refusal says why name can't be a name, and the remedy; "" means that it can.
func Refusal(name string) string {
	reason := refusal(name)
	if reason == "" {
		return ""
	}
	return fmt.Sprintf("%s: use 1 to %d bytes of UTF-8, none of them NUL", reason, MaxLength)
}

// refusal says why name can't be a name; "" means that it can.
func refusal(name string) string {
	switch {
	case name == "":
		return "is empty"
	case len(name) > MaxLength:
		return fmt.Sprintf("is %d bytes long, more than %d", len(name), MaxLength)
	case strings.ContainsRune(name, 0):
		return "holds a NUL"
	case !utf8.ValidString(name):
		return "is not UTF-8"
	}
	return ""
}
