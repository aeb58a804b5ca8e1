package jsonb

import "strconv"

const (
	// MaxDepth is the number of arrays and objects that may be open at once. PostgreSQL's own limit is
	// the size of its stack: with the default max_stack_depth of 2 MB version 15 takes about 13,000
	// levels. Less than half of that leaves room for other builds, and for whatever else is on
	// the stack when a query runs; encoding/json stops at 10,000.
	MaxDepth = 5000

	// MaxSize is the length in bytes that neither a text nor its canonical form may exceed; the form
	// is measured before duplicate keys are dropped. A text of that length can't reach any of jsonb's
	// own limits (268,435,455 bytes in a string or a container, 16,777,216 elements, 8,388,608 pairs),
	// nor can a handful of bytes such as [1e131071,...] become a row that is too large to be read
	// back.
	MaxSize = 32 << 20
)

// Canonical returns src in the form in which jsonb prints it, in a slice of its own.
//
// The error is an *Error that matches ErrInvalid or ErrRefused; the slice is nil then. Canonical
// does not change src, and is safe for concurrent use. Its time and memory are linear in the length
// of src and of the result, apart from the sorting of keys.
func Canonical(src []byte) ([]byte, error) {
	// A flat object grows by a space for each colon and comma; this is room for the usual ones.
	out, err := AppendCanonical(make([]byte, 0, len(src)+len(src)/4+16), src)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// AppendCanonical appends src, in the form in which jsonb prints it, to dst and returns the longer
// slice.
//
// It does not allocate if dst has room, except now and then for an object whose keys are out of
// order. The error is that of Canonical; dst is returned as it came then, but the bytes between its
// length and its capacity may have been written. dst and src must not share memory.
func AppendCanonical(dst, src []byte) ([]byte, error) {
	p := parser{src: src, out: dst, base: len(dst)}
	err := p.document()
	if p.work != nil {
		if err == nil {
			p.rearrange()
		}
		p.work.release()
	}
	if err != nil {
		return dst, err
	}
	return p.out, nil
}

// parser reads src from pos and appends the canonical form to out, with the members of objects
// still in the order of src; rearrange puts them into theirs.
type parser struct {
	src  []byte
	pos  int
	out  []byte
	base int        // where the form starts in out
	work *workspace // nil until an object has a second member
}

func (p *parser) document() error {
	if len(p.src) > MaxSize {
		return p.refused(0, "longer than "+strconv.Itoa(MaxSize)+" bytes")
	}
	p.space()
	if err := p.value(0); err != nil {
		return err
	}
	p.space()
	if p.pos < len(p.src) {
		return p.unexpected("the end")
	}
	return p.fits(0)
}

// fits reports a form that n more bytes make too long.
func (p *parser) fits(n int) error {
	if len(p.out)-p.base+n > MaxSize {
		return p.refused(0, "canonical form longer than "+strconv.Itoa(MaxSize)+" bytes")
	}
	return nil
}

// value reads one value, inside of depth others. It and what it calls recurse at most MaxDepth
// times.
func (p *parser) value(depth int) error {
	switch c := p.peek(); c {
	case '{':
		return p.object(depth + 1)
	case '[':
		return p.array(depth + 1)
	case '"':
		_, err := p.text()
		return err
	case 't':
		return p.literal("true")
	case 'f':
		return p.literal("false")
	case 'n':
		return p.literal("null")
	default:
		if c == '-' || isDigit(c) {
			return p.number()
		}
		return p.unexpected("a value")
	}
}

func (p *parser) array(depth int) error {
	if depth > MaxDepth {
		return p.refused(p.pos, "nested deeper than "+strconv.Itoa(MaxDepth))
	}
	p.take('[')
	p.space()
	if p.peek() == ']' {
		p.take(']')
		return nil
	}
	for {
		if err := p.value(depth); err != nil {
			return err
		}
		p.space()
		switch p.peek() {
		case ',':
			p.take(',')
			p.out = append(p.out, ' ')
			p.space()
		case ']':
			p.take(']')
			return nil
		default:
			return p.unexpected("',' or ']'")
		}
	}
}

func (p *parser) literal(word string) error {
	for i := range len(word) {
		if p.peek() != word[i] {
			return p.unexpected(word)
		}
		p.pos++
	}
	p.out = append(p.out, word...)
	return nil
}

// peek returns the next byte, or 0, which no token begins with, at the end.
func (p *parser) peek() byte {
	if p.pos < len(p.src) {
		return p.src[p.pos]
	}
	return 0
}

// take steps over the byte c, which peek found, and appends it.
func (p *parser) take(c byte) {
	p.pos++
	p.out = append(p.out, c)
}

func (p *parser) space() {
	for p.pos < len(p.src) {
		switch p.src[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

func isDigit(c byte) bool { return c-'0' <= 9 }
