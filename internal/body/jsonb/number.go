package jsonb

// The limits of numeric, PostgreSQL's type for the numbers in jsonb.
const (
	maxWhole    = 131072         // digits before the decimal point, leading zeros not counted
	maxFraction = 16383          // digits after it, trailing zeros counted
	maxExponent = 1073741823 - 1 // of either sign, even if the number is zero
)

// number reads the number at the current position.
func (p *parser) number() error {
	start := p.pos
	negative := p.peek() == '-'
	if negative {
		p.pos++
	}
	d := decimal{at: start}
	if p.peek() == '0' {
		d.whole = p.src[p.pos : p.pos+1]
		p.pos++
	} else {
		d.whole = p.digits()
	}
	if len(d.whole) == 0 {
		return p.unexpected("a digit")
	}
	if p.peek() == '.' {
		p.pos++
		if d.fraction = p.digits(); len(d.fraction) == 0 {
			return p.unexpected("a digit")
		}
	}
	if c := p.peek(); c|0x20 == 'e' {
		if err := p.exponent(&d); err != nil {
			return err
		}
		return p.shifted(d, negative)
	}
	if len(d.whole) > maxWhole || len(d.fraction) > maxFraction {
		return p.refused(start, beyondNumeric)
	}
	if negative && d.lead() < 0 {
		start++
	}
	p.out = append(p.out, p.src[start:p.pos]...)
	return nil
}

// digits reads as many digits as there are.
func (p *parser) digits() []byte {
	start := p.pos
	for isDigit(p.peek()) {
		p.pos++
	}
	return p.src[start:p.pos]
}

// exponent reads an exponent.
func (p *parser) exponent(d *decimal) error {
	p.pos++
	sign := p.peek()
	if sign == '-' || sign == '+' {
		p.pos++
	}
	digits := p.digits()
	if len(digits) == 0 {
		return p.unexpected("a digit")
	}
	for _, c := range digits {
		if d.exponent = d.exponent*10 + int(c-'0'); d.exponent > maxExponent {
			return p.refused(d.at, beyondNumeric)
		}
	}
	if sign == '-' {
		d.exponent = -d.exponent
	}
	return nil
}

const beyondNumeric = "number beyond the range of numeric"

// shifted appends a number that has an exponent, without it.
func (p *parser) shifted(d decimal, negative bool) error {
	lead := d.lead()
	point := len(d.whole) + d.exponent          // how many digits stand before the point; may be negative
	scale := max(0, len(d.fraction)-d.exponent) // how many stand behind it
	if scale > maxFraction || lead >= 0 && point-lead > maxWhole {
		return p.refused(d.at, beyondNumeric)
	}
	if lead < 0 || lead >= point {
		lead = point // nothing but zeros before the point
	}
	if err := p.fits(point - lead + scale); err != nil {
		return err
	}
	if negative && d.lead() >= 0 {
		p.out = append(p.out, '-')
	}
	if lead == point {
		p.out = append(p.out, '0')
	}
	for i := lead; i < point; i++ {
		p.out = append(p.out, d.digit(i))
	}
	if scale > 0 {
		p.out = append(p.out, '.')
		for i := point; i < point+scale; i++ {
			p.out = append(p.out, d.digit(i))
		}
	}
	return nil
}

// decimal is a number as it is written, apart from its sign.
type decimal struct {
	at              int // offset in the text
	whole, fraction []byte
	exponent        int
}

// lead returns the index of the first digit that is not zero, or -1. Indices run through whole and
// on through fraction.
func (d *decimal) lead() int {
	for i := range len(d.whole) + len(d.fraction) {
		if d.digit(i) != '0' {
			return i
		}
	}
	return -1
}

// digit returns the digit at an index; before the first and after the last one all are zero.
func (d *decimal) digit(i int) byte {
	switch {
	case i < 0:
		return '0'
	case i < len(d.whole):
		return d.whole[i]
	case i-len(d.whole) < len(d.fraction):
		return d.fraction[i-len(d.whole)]
	default:
		return '0'
	}
}
