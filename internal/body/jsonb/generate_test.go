package jsonb_test

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// anyText generates JSON in all its spellings. Some texts hold what no string may hold, and some
// have one byte spoilt; the others are such as jsonb takes.
func anyText() *rapid.Generator[[]byte] {
	return rapid.Custom(func(t *rapid.T) []byte {
		fault := rapid.SampledFrom([]string{"", "", "", "", "", "", "string", "byte"}).Draw(t, "fault")
		w := writer{T: t, faulty: fault == "string"}
		kind := w.one(kinds...)
		if w.one("large", "small") == "large" {
			kind = w.one("array", "object", "object")
		}
		text := w.space() + w.value(kind, 3) + w.space()
		if fault == "byte" {
			return w.spoil([]byte(text))
		}
		return []byte(text)
	})
}

// writer writes JSON by the choices of a rapid test. It draws from lists and not from ranges
// wherever all choices should be equally likely: in ranges rapid prefers small numbers.
type writer struct {
	*rapid.T
	faulty bool
}

func (w writer) one(of ...string) string { return rapid.SampledFrom(of).Draw(w.T, "one of") }

func (w writer) times(of ...int) int { return rapid.SampledFrom(of).Draw(w.T, "times") }

// hexOf returns a number in a range in four digits, small or capital ones.
func (w writer) hexOf(low, high int) string {
	return fmt.Sprintf(w.one("%04x", "%04X"), rapid.IntRange(low, high).Draw(w.T, "character"))
}

func (w writer) spoil(text []byte) []byte {
	at := rapid.IntRange(0, len(text)-1).Draw(w.T, "at")
	switch w.one("remove", "cut", "replace", "replace") {
	case "remove":
		return append(text[:at:at], text[at+1:]...)
	case "cut":
		return text[:at]
	default:
		text[at] = rapid.OneOf(rapid.SampledFrom([]byte("{}[]:,\"\\u0-+.eE \n/\x00\x1f\x80\xff")), rapid.Byte()).Draw(w.T, "byte")
		return text
	}
}

var kinds = []string{"word", "number", "number", "string", "string", "string", "string", "array", "object", "object"}

func (w writer) value(kind string, depth int) string {
	inner := func() string {
		if depth == 0 {
			return w.value(w.one(kinds[:7]...), 0)
		}
		return w.value(w.one(kinds...), depth-1)
	}
	switch kind {
	case "word":
		return w.one("true", "false", "null")
	case "number":
		return rapid.StringMatching(`-?(0|[1-9][0-9]{0,12})(\.(0{0,3}[0-9]{1,6}|0{1,4}))?([eE][+-]?0{0,2}[0-9]{1,2})?`).Draw(w.T, "number")
	case "string":
		return w.string()
	case "array":
		return w.list("[", "]", inner)
	default:
		return w.list("{", "}", func() string { return w.key() + w.space() + ":" + w.space() + inner() })
	}
}

func (w writer) list(open, end string, element func() string) string {
	var b strings.Builder
	b.WriteString(open + w.space())
	for i := range w.times(0, 1, 2, 3, 5, 8, 20) {
		if i > 0 {
			b.WriteString("," + w.space())
		}
		b.WriteString(element() + w.space())
	}
	return b.String() + end
}

func (w writer) space() string { return w.one("", "", "", " ", "\n", "\t\r", "  ") }

// key is often one of a few, in one of its spellings, so that keys meet again and differ late.
func (w writer) key() string {
	if w.one("own", "known") == "own" {
		return w.string()
	}
	return w.one(`"a"`, `"\u0061"`, `"b"`, `"A"`, `""`, `"aa"`, `"ab"`, `"\u0061b"`, `"é"`, `"\u00E9"`, `"zz"`, `"\""`, `"\u0022"`,
		`"!"`, `"a\\"`, `"a\/"`, `"a\n"`, `"a\u000A"`, `"a\u0001"`, "\"a\x7f\"", `"😀"`, `"\ud83d\ude00"`, `"aéz"`, `"abcdefghijk"`,
		`"abcdefghij\u006b"`)
}

// string is made of pieces, each of which has rules of its own.
func (w writer) string() string {
	var b strings.Builder
	b.WriteByte('"')
	for range w.times(0, 1, 1, 2, 3, 6) {
		switch w.one("short", "ASCII", "BMP", "pair", "rune", "rune", "fault", "plain", "plain", "plain", "plain", "plain") {
		case "short":
			b.WriteString(w.one(`\"`, `\\`, `\/`, `\b`, `\f`, `\n`, `\r`, `\t`))
		case "ASCII":
			b.WriteString(`\u` + w.hexOf(1, 0x7f))
		case "BMP":
			b.WriteString(`\u` + w.hexOf(0x80, 0xd7ff))
		case "pair":
			b.WriteString(`\u` + w.hexOf(0xd800, 0xdbff) + `\u` + w.hexOf(0xdc00, 0xdfff))
		case "rune":
			b.WriteRune(rapid.Int32Range(0x7f, unicode.MaxRune).Filter(utf8.ValidRune).Draw(w.T, "rune"))
		case "fault":
			b.WriteString(w.fault())
		default:
			b.WriteString(strings.Repeat(rapid.StringMatching(`[ !#-\[\]-~]{1,5}`).Draw(w.T, "plain"), w.times(1, 1, 1, 2, 3, 10)))
		}
	}
	return b.String() + `"`
}

// fault is what no string may hold if the text may be faulty, and else what looks unusual.
func (w writer) fault() string {
	if !w.faulty {
		return w.one("\u2028", "\ufeff", "\uffff", "\U0010ffff", `\ufeff`, `\uffff`)
	}
	return w.one("", "", "", `\u0000`, `\ud800`, `\udc00`, `\ude00\ud83d`, `\ud800\u0041`, "\x00", "\n", "\x80", "\xed\xa0\x80", "\xc0\x80",
		`\x`, `\u12g4`)
}

// extremeNumber generates numbers some digits around the limits of numeric.
func extremeNumber() *rapid.Generator[[]byte] {
	return rapid.Custom(func(t *rapid.T) []byte {
		digits := func(most int) string {
			n := rapid.IntRange(0, most).Draw(t, "digits")
			return rapid.SampledFrom([]string{strings.Repeat("0", n), strings.Repeat("7", n), strings.Repeat("0", n) + "7"}).Draw(t, "which")
		}
		var whole, fraction string
		exponent := 0
		near := func(limit int) int { return limit + rapid.IntRange(-3, 3).Draw(t, "near") }
		whole = rapid.SampledFrom([]string{"0", "1", "10", "12345"}).Draw(t, "whole")
		if whole != "0" {
			whole += digits(8)
		}
		fraction = digits(8)
		switch rapid.IntRange(0, 4).Draw(t, "limit") {
		case 0: // long before the point
			whole, fraction = strings.Repeat("4", near(131072)), digits(2)
			exponent = rapid.IntRange(-2, 2).Draw(t, "exponent")
		case 1: // long behind it
			fraction = strings.Repeat(rapid.SampledFrom([]string{"0", "4"}).Draw(t, "digit"), near(16383))
			exponent = rapid.IntRange(-2, 2).Draw(t, "exponent")
		case 2:
			exponent = near(131071 - len(whole) + rapid.IntRange(0, len(fraction)).Draw(t, "shift"))
		case 3:
			exponent = near(-16383 + len(fraction))
		default:
			exponent = rapid.IntRange(-200_000, 2_000_000_000).Draw(t, "exponent")
			// Versions disagree on this one.
			if exponent == 1<<30-1 {
				exponent++
			}
		}
		src := rapid.SampledFrom([]string{"", "-"}).Draw(t, "sign") + whole
		if fraction != "" {
			src += "." + fraction
		}
		if exponent != 0 || rapid.Bool().Draw(t, "exponent of zero") {
			src += fmt.Sprintf("e%d", exponent)
		}
		return []byte(src)
	})
}
