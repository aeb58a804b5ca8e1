// Package jsonb brings a JSON text into the form in which PostgreSQL's jsonb type prints it.
//
// An event body is stored in a jsonb column, and a column gives back its own rendering of the
// value, not the text that was sent: keys change places, duplicates disappear, 1e2 comes back as
// 100. The state of a warm aggregate must not depend on whether an event was applied before or
// after that journey, so the body is made canonical first, and the same bytes are applied and sent.
// What jsonb would refuse is refused here, before anything is committed.
//
// For every src that [Canonical] accepts, its result is what a database with the encoding UTF8
// answers to SELECT src::text::jsonb::text, and what the column returns for the result itself:
//
//   - one space after each colon and each comma, none elsewhere;
//   - an object's keys by length in bytes, then bytewise; of equal keys the last one wins;
//   - strings in plain UTF-8; only the quote, the backslash and the bytes below 0x20 are escaped;
//   - numbers without an exponent and with the fraction digits that were written: 1.50 stays 1.50,
//     1.50e1 is 15.0; there is no negative zero.
//
// It refuses the character U+0000, surrogates without their other half, and numbers outside of the
// range of numeric: more than 131072 digits before the decimal point, more than 16383 after it, or
// an exponent of 1073741823 and beyond, which only matters for a zero and which version 16 moved by
// one. All this follows PostgreSQL 15 and is meant for 9.4 to 18.
//
// Two limits are this package's own, because PostgreSQL's depend on its settings or lie where no
// event should be: [MaxDepth] and [MaxSize].
//
// Sources: the chapters "JSON Types" and "Numeric Types" of the PostgreSQL manual, RFC 8259, and
// the behaviour of a server, which the tests compare byte for byte.
package jsonb
