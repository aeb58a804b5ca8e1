package hlc

import (
	"fmt"
	"time"
)

// The shapes of the text form: d is a decimal digit, x an upper-case hexadecimal
// one, everything else stands for itself. Years past 9999 have the long shape; what
// follows the year is the same in both.
const (
	shape     = "dddd" + shapeRest
	longShape = "Yddddd" + shapeRest
	shapeRest = "-dd-ddTdd:dd:dd.dddZ-xxxx-xxxxxxxxxxxxxxxx"

	lastShortYear = 9999
	hexDigits     = "0123456789ABCDEF"
)

// Where the fields are, counted from the end of the year.
const (
	atMonth   = 1
	atDay     = 4
	atHour    = 7
	atMinute  = 10
	atSecond  = 13
	atMilli   = 16
	atCounter = 21
	atNode    = 26
)

// String is the text form of t, such as 2026-11-21T19:43:29.036Z-0001-000000000547B5A1.
// The package's documentation defines it. Texts sort as their timestamps do.
func (t Timestamp) String() string {
	var buf [len(longShape)]byte
	return string(t.appendText(buf[:0]))
}

// Parse reads the text form that [Timestamp.String] writes, and no other: a
// timestamp has one spelling, so that a text can serve as a key. Lower-case or
// missing digits, other zones and precisions, leap seconds and surrounding space
// are refused with a [*ParseError], which matches [ErrFormat].
func Parse(s string) (Timestamp, error) { return parse(s) }

func (t Timestamp) appendText(b []byte) []byte {
	tm := t.Time()
	year, month, day := tm.Date()
	hour, minute, second := tm.Clock()

	if year > lastShortYear {
		b = append(b, 'Y')
		b = appendDec(b, year, 5)
	} else {
		b = appendDec(b, year, 4)
	}
	b = appendDec(append(b, '-'), int(month), 2)
	b = appendDec(append(b, '-'), day, 2)
	b = appendDec(append(b, 'T'), hour, 2)
	b = appendDec(append(b, ':'), minute, 2)
	b = appendDec(append(b, ':'), second, 2)
	b = appendDec(append(b, '.'), int(t.Milliseconds()%1000), 3)
	b = appendHex(append(b, 'Z', '-'), uint64(t.Counter()), 4)
	return appendHex(append(b, '-'), t.Node(), 16)
}

func appendDec(b []byte, v, width int) []byte {
	var digits [5]byte
	for i := width - 1; i >= 0; i-- {
		digits[i] = byte('0' + v%10)
		v /= 10
	}
	return append(b, digits[:width]...)
}

func appendHex(b []byte, v uint64, width int) []byte {
	for shift := 4 * (width - 1); shift >= 0; shift -= 4 {
		b = append(b, hexDigits[v>>shift&0xF])
	}
	return b
}

// parse checks the shape first, so that the fields can be read without a check of
// their own, and then their values.
func parse[T string | []byte](s T) (Timestamp, error) {
	want, digits := shape, 0
	if len(s) > 0 && s[0] == 'Y' {
		want, digits = longShape, 1
	}
	if err := checkShape(s, want); err != nil {
		return Timestamp{}, err
	}
	rest := len(want) - len(shapeRest)

	ms, err := parseTime(s, digits, rest)
	if err != nil {
		return Timestamp{}, err
	}
	counter := hexadecimal(s[rest+atCounter : rest+atCounter+4])
	return join(uint64(ms)<<counterBits|counter, hexadecimal(s[rest+atNode:])), nil
}

func checkShape[T string | []byte](s T, want string) error {
	for i := range len(want) {
		if i == len(s) {
			return &ParseError{Input: string(s), Offset: i, Reason: "it ends too early"}
		}
		c, ok := s[i], false
		switch want[i] {
		case 'd':
			ok = '0' <= c && c <= '9'
		case 'x':
			ok = '0' <= c && c <= '9' || 'A' <= c && c <= 'F'
		default:
			ok = c == want[i]
		}
		if !ok {
			return &ParseError{Input: string(s), Offset: i, Reason: "want " + describe(want[i])}
		}
	}
	if len(s) > len(want) {
		return &ParseError{Input: string(s), Offset: len(want), Reason: "it goes on after the node"}
	}
	return nil
}

func describe(class byte) string {
	switch class {
	case 'd':
		return "a decimal digit"
	case 'x':
		return "an upper-case hexadecimal digit"
	default:
		return fmt.Sprintf("%q", class)
	}
}

// parseTime reads milliseconds since 1970 from a text of the right shape whose year
// is s[digits:rest].
func parseTime[T string | []byte](s T, digits, rest int) (int64, error) {
	fail := func(offset int, reason string) (int64, error) {
		return 0, &ParseError{Input: string(s), Offset: offset, Reason: reason}
	}
	two := func(at int) int { return decimal(s[rest+at : rest+at+2]) }

	year, month, day := decimal(s[digits:rest]), two(atMonth), two(atDay)
	hour, minute, second := two(atHour), two(atMinute), two(atSecond)
	switch {
	case year < 1970:
		return fail(digits, "the year is before 1970")
	case digits > 0 && year <= lastShortYear:
		return fail(0, "a year of four digits is written without a Y")
	case month < 1 || month > 12:
		return fail(rest+atMonth, "there is no such month")
	case day < 1 || day > daysIn(year, month):
		return fail(rest+atDay, "the month has no such day")
	case hour > 23:
		return fail(rest+atHour, "the day has no such hour")
	case minute > 59:
		return fail(rest+atMinute, "the hour has no such minute")
	case second > 59:
		return fail(rest+atSecond, "the minute has no such second")
	}
	ms := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC).UnixMilli() +
		int64(decimal(s[rest+atMilli:rest+atMilli+3]))
	if ms > MaxMilliseconds {
		return fail(digits, "the time is past the 48 bits of a timestamp")
	}
	return ms, nil
}

// daysIn relies on the time package reading day 0 of a month as the last of the
// month before.
func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

func decimal[T string | []byte](s T) int {
	v := 0
	for i := range len(s) {
		v = v*10 + int(s[i]-'0')
	}
	return v
}

func hexadecimal[T string | []byte](s T) uint64 {
	v := uint64(0)
	for i := range len(s) {
		d := s[i] - '0'
		if d > 9 {
			d = s[i] - 'A' + 10
		}
		v = v<<4 | uint64(d)
	}
	return v
}
