package jsonb

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// key is what the order of keys needs to know of a string.
type key struct {
	length  int  // in bytes of UTF-8, without escapes
	escaped bool // whether the canonical form has escapes
}

// text reads the string whose quote is at the current position.
func (p *parser) text() (key, error) {
	var (
		begin = len(p.out)
		from  = p.pos // of what is not yet copied
		i     = p.pos + 1
		added = 0 // bytes of out that are only there because of escapes
	)
	for {
		i = plain(p.src, i)
		if i >= len(p.src) {
			return key{}, p.invalid(len(p.src), "unexpected end, want '\"'")
		}
		switch c := p.src[i]; {
		case c == '"':
			i++
			p.out = append(p.out, p.src[from:i]...)
			p.pos = i
			return key{length: len(p.out) - begin - 2 - added, escaped: added > 0}, nil
		case c == '\\':
			p.out = append(p.out, p.src[from:i]...)
			p.pos = i
			r, err := p.escape()
			if err != nil {
				return key{}, err
			}
			added += p.appendRune(r)
			i, from = p.pos, p.pos
		case c < ' ':
			return key{}, p.invalid(i, "control character in a string")
		default:
			size := multibyte(p.src[i:])
			if size == 0 {
				return key{}, p.invalid(i, "invalid UTF-8")
			}
			i += size
		}
	}
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// plain returns the first index from i on whose byte is not simply copied: a quote, a backslash, a
// control character or the start of a multibyte one.
func plain(src []byte, i int) int {
	for ; i+8 <= len(src); i += 8 {
		w := binary.LittleEndian.Uint64(src[i:])
		// In a byte x below 0x80, x-n borrows into the high bit exactly if x < n, and (x^c)-1 if x == c.
		// A borrow can only spoil bytes behind a hit, and only the first hit counts.
		quote, backslash := w^'"'*ones, w^'\\'*ones
		hits := w | (w - ' '*ones) | (quote - ones) | (backslash - ones)
		if hits &= highs; hits != 0 {
			return i + bits.TrailingZeros64(hits)/8
		}
	}
	for i < len(src) && ' ' <= src[i] && src[i] < utf8.RuneSelf && src[i] != '"' && src[i] != '\\' {
		i++
	}
	return i
}

// multibyte returns the length of the multibyte characters that s begins with, or 0 if it begins
// with none.
func multibyte(s []byte) int {
	n := 0
	for n < len(s) && s[n] >= utf8.RuneSelf {
		_, size := utf8.DecodeRune(s[n:])
		if size == 1 {
			break
		}
		n += size
	}
	return n
}

// escape reads the escape at the current position, both halves of a surrogate pair at once.
func (p *parser) escape() (rune, error) {
	start := p.pos
	p.pos++
	c := p.peek()
	p.pos++
	switch c {
	case '"', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
	default:
		p.pos--
		return 0, p.unexpected("an escape")
	}
	r, err := p.hex()
	if err != nil {
		return 0, err
	}
	if r == 0 {
		return 0, p.refused(start, `\u0000 can't be stored`)
	}
	if !utf16.IsSurrogate(r) {
		return r, nil
	}
	if p.pos+1 < len(p.src) && p.src[p.pos] == '\\' && p.src[p.pos+1] == 'u' {
		p.pos += 2
		low, err := p.hex()
		if err != nil {
			return 0, err
		}
		if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
			return r, nil
		}
	}
	return 0, p.refused(start, "half a surrogate pair")
}

// hex reads four hexadecimal digits.
func (p *parser) hex() (rune, error) {
	var r rune
	for range 4 {
		c := p.peek()
		switch {
		case isDigit(c):
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, p.unexpected("a hexadecimal digit")
		}
		r = r<<4 | rune(c)
		p.pos++
	}
	return r, nil
}

const hexDigits = "0123456789abcdef"

// appendRune appends an unescaped character as jsonb prints it, and returns how many bytes longer
// than its UTF-8 that is.
func (p *parser) appendRune(r rune) int {
	short := byte(0)
	switch r {
	case '"', '\\':
		short = byte(r)
	case '\b':
		short = 'b'
	case '\f':
		short = 'f'
	case '\n':
		short = 'n'
	case '\r':
		short = 'r'
	case '\t':
		short = 't'
	default:
		if r >= ' ' {
			p.out = utf8.AppendRune(p.out, r)
			return 0
		}
		p.out = append(p.out, '\\', 'u', '0', '0', hexDigits[r>>4], hexDigits[r&15])
		return 5
	}
	p.out = append(p.out, '\\', short)
	return 1
}

// unescaped returns the first byte that the canonical string text s stands for, and the rest of s.
func unescaped(s []byte) (byte, []byte) {
	if s[0] != '\\' {
		return s[0], s[1:]
	}
	switch c := s[1]; c {
	case 'b':
		return '\b', s[2:]
	case 'f':
		return '\f', s[2:]
	case 'n':
		return '\n', s[2:]
	case 'r':
		return '\r', s[2:]
	case 't':
		return '\t', s[2:]
	case 'u':
		low := s[5] - '0'
		if s[5] >= 'a' {
			low = s[5] - 'a' + 10
		}
		return (s[4]-'0')<<4 | low, s[6:]
	default:
		return c, s[2:]
	}
}
