package jsonb

import (
	"bytes"
	"strconv"
)

// member is a key and its value in the canonical text.
type member struct {
	start int // the key's opening quote
	end   int // behind the value
	key   key
}

// object reads one object and keeps its members for rearrange if they are out of order.
func (p *parser) object(depth int) error {
	if depth > MaxDepth {
		return p.refused(p.pos, "nested deeper than "+strconv.Itoa(MaxDepth))
	}
	start := len(p.out)
	p.take('{')
	p.space()
	if p.peek() == '}' {
		p.take('}')
		return nil
	}
	var (
		first   = p.pushed()
		ordered = true
		last    member
	)
	for {
		m, err := p.member(depth)
		if err != nil {
			return err
		}
		if last.end > 0 && p.compare(last, m) >= 0 {
			ordered = false
		}
		p.space()
		switch p.peek() {
		case ',':
			p.take(',')
			p.out = append(p.out, ' ')
			p.space()
			p.push(m)
			last = m
		case '}':
			p.take('}')
			if ordered {
				p.pop(first)
				return nil
			}
			p.push(m)
			p.keep(start, first)
			return nil
		default:
			return p.unexpected("',' or '}'")
		}
	}
}

// member reads a key, the colon and the value.
func (p *parser) member(depth int) (m member, err error) {
	if p.peek() != '"' {
		return m, p.unexpected("a key")
	}
	m.start = len(p.out)
	if m.key, err = p.text(); err != nil {
		return m, err
	}
	p.space()
	if p.peek() != ':' {
		return m, p.unexpected("':'")
	}
	p.take(':')
	p.out = append(p.out, ' ')
	p.space()
	err = p.value(depth)
	m.end = len(p.out)
	return m, err
}

// compare orders two members by the length of their keys, then by the keys' bytes, both of the
// unescaped UTF-8, as jsonb does.
func (p *parser) compare(a, b member) int {
	if a.key.length != b.key.length {
		return a.key.length - b.key.length
	}
	if !a.key.escaped && !b.key.escaped {
		x, y := p.out[a.start+1:], p.out[b.start+1:]
		return bytes.Compare(x[:a.key.length], y[:b.key.length])
	}
	x, y := p.out[a.start+1:], p.out[b.start+1:]
	for range a.key.length {
		var cx, cy byte
		cx, x = unescaped(x)
		cy, y = unescaped(y)
		if cx != cy {
			return int(cx) - int(cy)
		}
	}
	return 0
}
