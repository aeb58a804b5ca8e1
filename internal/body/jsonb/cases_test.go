package jsonb_test

import (
	"strings"

	"github.com/eventmaestro/maestro/internal/body/jsonb"
)

// accepted are texts with the form that jsonb prints. The expectations were written by hand;
// another test asks a server for the same ones.
var accepted = []struct{ name, src, want string }{
	{"a null", "null", "null"},
	{"a true", "true", "true"},
	{"a false", "false", "false"},
	{"an empty object", "{ }", "{}"},
	{"an empty array", "[\n]", "[]"},
	{"an empty string", `""`, `""`},
	{"white space around everything", " \t\r\n{ \"a\" : [ 1 , { } , null ] , \"b\" : \"\" } \n", `{"a": [1, {}, null], "b": ""}`},
	{"no white space", `{"a":[1,{},null],"b":""}`, `{"a": [1, {}, null], "b": ""}`},
	{"white space in a string stays", `" a:b, c "`, `" a:b, c "`},

	{"shorter keys come first", `{"bb":1,"a":2,"aaa":3,"":4}`, `{"": 4, "a": 2, "bb": 1, "aaa": 3}`},
	{"keys of one length by bytes", `{"b":1,"a":2,"B":3,"_":4}`, `{"B": 3, "_": 4, "a": 2, "b": 1}`},
	{"a key's length is in bytes", `{"é":1,"zz":2,"zzz":3,"€":4,"y":5}`, `{"y": 5, "zz": 2, "é": 1, "zzz": 3, "€": 4}`},
	{"bytes above 0x7f are unsigned", `{"é":1,"~~":2}`, `{"~~": 2, "é": 1}`},
	{"a key's length is without escapes", `{"\u0001":1,"zz":2,"\"":3,"a":4}`, `{"\u0001": 1, "\"": 3, "a": 4, "zz": 2}`},
	{
		"escaped keys by what they stand for", `{"x\\":1,"x\t":2,"x\n":3,"x!":4,"x\u001f":5,"x\u0001":6,"x\b":7,"x\r":8,"x\f":9,"x\"":10}`,
		`{"x\u0001": 6, "x\b": 7, "x\t": 2, "x\n": 3, "x\f": 9, "x\r": 8, "x\u001f": 5, "x!": 4, "x\"": 10, "x\\": 1}`,
	},
	{"the last of equal keys wins", `{"a":1,"b":2,"a":3}`, `{"a": 3, "b": 2}`},
	{"neighbours with equal keys", `{"a":1,"a":2,"a":3}`, `{"a": 3}`},
	{"equal keys spelt differently", `{"a/\"b":1,"\u0061\/\u0022b":2}`, `{"a/\"b": 2}`},
	{"equal objects are not merged", `{"a":{"x":1},"a":{"y":2}}`, `{"a": {"y": 2}}`},
	{"a dropped value may hold anything", `{"b":0,"a":{"z":1,"y":[{"d":1,"c":2}]},"a":[]}`, `{"a": [], "b": 0}`},
	{
		"nested objects in disorder", `{"c":{"z":{"q":1,"p":2},"y":2},"b":[{"n":1,"m":2},{"l":0,"k":{"b":1,"a":1}}],"a":1}`,
		`{"a": 1, "b": [{"m": 2, "n": 1}, {"k": {"a": 1, "b": 1}, "l": 0}], "c": {"y": 2, "z": {"p": 2, "q": 1}}}`,
	},
	{"disorder inside of order", `{"a":{"z":1,"y":2},"b":{"x":3,"w":4},"c":5}`, `{"a": {"y": 2, "z": 1}, "b": {"w": 4, "x": 3}, "c": 5}`},
	{"disorder around order", `{"b":{"y":1,"z":2},"a":[{"w":3,"x":4}]}`, `{"a": [{"w": 3, "x": 4}], "b": {"y": 1, "z": 2}}`},

	{"escapes that stay", `"\"\\\b\f\n\r\t\u0001\u001f"`, `"\"\\\b\f\n\r\t\u0001\u001f"`},
	{"escapes that become shorter", `"\u0022\u005c\u0008\u000c\u000a\u000D\u0009"`, `"\"\\\b\f\n\r\t"`},
	{"hexadecimal digits become lower case", `"\u001F\u000B"`, `"\u001f\u000b"`},
	{"escapes that go", `"\/\u002f\u0020\u0041\u007f"`, "\"// A\x7f\""},
	{"what encoding/json escapes for HTML", `"\u003cb\u003e \u0026 \u2028\u2029"`, "\"<b> & \u2028\u2029\""},
	{"multibyte escapes", `"\u00e9\u20AC\uffff\ufdd0\ufeff"`, "\"é€\uffff\ufdd0\ufeff\""},
	{"a surrogate pair", `"\ud83d\uDE00\udbff\udfff"`, "\"😀\U0010ffff\""},
	{"multibyte characters stay", "\"aé€😀\u0080z\"", "\"aé€😀\u0080z\""},
	{"a raw delete character", "\"\x7f\"", "\"\x7f\""},
	{
		"a quote behind each length", `["","1","12","123","1234","12345","123456","1234567","12345678","123456789"]`,
		`["", "1", "12", "123", "1234", "12345", "123456", "1234567", "12345678", "123456789"]`,
	},
	{
		"an escape behind each length", `["\t","1\t","12\t","123\t","1234\t","12345\t","123456\t","1234567\t","12345678\té"]`,
		`["\t", "1\t", "12\t", "123\t", "1234\t", "12345\t", "123456\t", "1234567\t", "12345678\té"]`,
	},

	{"integers", `[0,-1,10,123456789012345678901234567890]`, `[0, -1, 10, 123456789012345678901234567890]`},
	{"fractions keep their zeros", `[1.0,1.50,-0.10,100.00]`, `[1.0, 1.50, -0.10, 100.00]`},
	{"no negative zero", `[-0,-0.0,-0.000,-0e0,-0.00e1,-0E5,-0e-3]`, `[0, 0.0, 0.000, 0, 0.0, 0, 0.000]`},
	{"exponents are carried out", `[1e2,1E+2,1e-3,1.5e1,1.50e1,1.50E3,15e-1,-1e2]`, `[100, 100, 0.001, 15, 15.0, 1500, 1.5, -100]`},
	{"exponents of nothing", `[1e0,1.0e0,1e-0,1E+00000000000000000000,1.5e00001]`, `[1, 1.0, 1, 1, 15]`},
	{"exponents and leading zeros", `[0.05e2,0.05e1,0.001e-1,0.0e1,0.00e1,-0.5e1,0.015e2]`, `[5, 0.5, 0.0001, 0, 0.0, -5, 1.5]`},
	{"exponents and trailing zeros", `[100e-2,100e-3,100e-5,1200e1]`, `[1.00, 0.100, 0.00100, 12000]`},
	{"zeros with large exponents", `[0e1000000000,0.0e131072,0e1073741822]`, `[0, 0, 0]`},
	{"the most digits before the point", strings.Repeat("7", 131072), strings.Repeat("7", 131072)},
	{"the most digits after the point", "-0." + strings.Repeat("7", 16383), "-0." + strings.Repeat("7", 16383)},
	{"the most digits", strings.Repeat("7", 131072) + "." + strings.Repeat("0", 16383), strings.Repeat("7", 131072) + "." + strings.Repeat("0", 16383)},
	{"the greatest exponent", "1e131071", "1" + strings.Repeat("0", 131071)},
	{"the greatest exponent of a small number", "-0.0012e131074", "-12" + strings.Repeat("0", 131070)},
	{"the least exponent", "1e-16383", "0." + strings.Repeat("0", 16382) + "1"},
	{"the least exponent of zero", "0e-16383", "0." + strings.Repeat("0", 16383)},
	{
		"a long number made short enough", strings.Repeat("7", 140000) + "e-16383",
		strings.Repeat("7", 140000-16383) + "." + strings.Repeat("7", 16383),
	},
	{
		"a long fraction made short enough", "0." + strings.Repeat("7", 20000) + "e3617",
		strings.Repeat("7", 3617) + "." + strings.Repeat("7", 16383),
	},

	{"arrays as deep as may be", nested("[", "0", "]", jsonb.MaxDepth), nested("[", "0", "]", jsonb.MaxDepth)},
	{"objects as deep as may be", nested(`{"b":`, "{}", `,"a":1}`, jsonb.MaxDepth-1), nested(`{"a": 1, "b": `, "{}", "}", jsonb.MaxDepth-1)},
	{"arrays and objects as deep as may be", nested(`[{"":`, "0", "}]", jsonb.MaxDepth/2), nested(`[{"": `, "0", "}]", jsonb.MaxDepth/2)},
}

// rejected are texts that jsonb takes no more than Canonical does.
var rejected = []struct {
	name, src string
	kind      error
	offset    int
	reason    string
}{
	{"nothing", "", jsonb.ErrInvalid, 0, "unexpected end, want a value"},
	{"white space only", " \n", jsonb.ErrInvalid, 2, "unexpected end, want a value"},
	{"two values", "1 2", jsonb.ErrInvalid, 2, "unexpected '2', want the end"},
	{"a comma behind the value", "[],", jsonb.ErrInvalid, 2, "unexpected ',', want the end"},
	{"an unknown word", "nil", jsonb.ErrInvalid, 1, "unexpected 'i', want null"},
	{"a word cut off", "tru", jsonb.ErrInvalid, 3, "unexpected end, want true"},
	{"a word too long", "truex", jsonb.ErrInvalid, 4, "unexpected 'x', want the end"},
	{"a word in upper case", "True", jsonb.ErrInvalid, 0, "unexpected 'T', want a value"},
	{"a number that is none", "NaN", jsonb.ErrInvalid, 0, "unexpected 'N', want a value"},
	{"a byte order mark", "\ufeff1", jsonb.ErrInvalid, 0, "unexpected 0xef, want a value"},
	{"another kind of space", "1\f", jsonb.ErrInvalid, 1, `unexpected '\f', want the end`},
	{"a NUL", "1\x00", jsonb.ErrInvalid, 1, `unexpected '\x00', want the end`},
	{"a comment", "/**/1", jsonb.ErrInvalid, 0, "unexpected '/', want a value"},

	{"an open array", "[1", jsonb.ErrInvalid, 2, "unexpected end, want ',' or ']'"},
	{"an array with a trailing comma", "[1,]", jsonb.ErrInvalid, 3, "unexpected ']', want a value"},
	{"an array without a comma", "[1 2]", jsonb.ErrInvalid, 3, "unexpected '2', want ',' or ']'"},
	{"an array closed as an object", "[1}", jsonb.ErrInvalid, 2, "unexpected '}', want ',' or ']'"},
	{"an open object", `{"a":1`, jsonb.ErrInvalid, 6, "unexpected end, want ',' or '}'"},
	{"an object with a trailing comma", `{"a":1,}`, jsonb.ErrInvalid, 7, "unexpected '}', want a key"},
	{"an object without a comma", `{"a":1 "b":2}`, jsonb.ErrInvalid, 7, `unexpected '"', want ',' or '}'`},
	{"an object without a colon", `{"a" 1}`, jsonb.ErrInvalid, 5, "unexpected '1', want ':'"},
	{"an object without a value", `{"a":}`, jsonb.ErrInvalid, 5, "unexpected '}', want a value"},
	{"a key that is no string", `{1:1}`, jsonb.ErrInvalid, 1, "unexpected '1', want a key"},
	{"a fault behind disorder", `{"b":1,"a":{"d":1,"c":2},x}`, jsonb.ErrInvalid, 25, "unexpected 'x', want a key"},

	{"an open string", `"abc`, jsonb.ErrInvalid, 4, `unexpected end, want '"'`},
	{"a string that ends in a backslash", `"abc\`, jsonb.ErrInvalid, 5, "unexpected end, want an escape"},
	{"an unknown escape", `"\a"`, jsonb.ErrInvalid, 2, "unexpected 'a', want an escape"},
	{"an escape in upper case", `"\U0041"`, jsonb.ErrInvalid, 2, "unexpected 'U', want an escape"},
	{"too few hexadecimal digits", `"\u004"`, jsonb.ErrInvalid, 6, `unexpected '"', want a hexadecimal digit`},
	{"no hexadecimal digit", `"\u00g0"`, jsonb.ErrInvalid, 5, "unexpected 'g', want a hexadecimal digit"},
	{"a line break in a string", "\"a\nb\"", jsonb.ErrInvalid, 2, "control character in a string"},
	{"a control character far on", "\"12345678901234\x1f\"", jsonb.ErrInvalid, 15, "control character in a string"},
	{"a NUL in a string", "\"\x00\"", jsonb.ErrInvalid, 1, "control character in a string"},
	{"a lone continuation byte", "\"a\x80\"", jsonb.ErrInvalid, 2, "invalid UTF-8"},
	{"a continuation byte among letters", "\"1234\x80678901234\"", jsonb.ErrInvalid, 5, "invalid UTF-8"},
	{"a multibyte character cut off", "\"\xe2\x82\"", jsonb.ErrInvalid, 1, "invalid UTF-8"},
	{"a fault behind a good character", "\"é\xff\"", jsonb.ErrInvalid, 3, "invalid UTF-8"},
	{"an overlong slash", "\"\xc0\xaf\"", jsonb.ErrInvalid, 1, "invalid UTF-8"},
	{"a surrogate in UTF-8", "\"\xed\xa0\x80\"", jsonb.ErrInvalid, 1, "invalid UTF-8"},
	{"beyond Unicode", "\"\xf4\x90\x80\x80\"", jsonb.ErrInvalid, 1, "invalid UTF-8"},

	{"an escaped NUL", `"a\u0000"`, jsonb.ErrRefused, 2, `\u0000 can't be stored`},
	{"an escaped NUL in a key", `{"\u0000":1}`, jsonb.ErrRefused, 2, `\u0000 can't be stored`},
	{"an escaped NUL in a dropped value", `{"a":"\u0000","a":1}`, jsonb.ErrRefused, 6, `\u0000 can't be stored`},
	{"a high surrogate alone", `"\ud800"`, jsonb.ErrRefused, 1, "half a surrogate pair"},
	{"a high surrogate before a letter", `"\ud800x"`, jsonb.ErrRefused, 1, "half a surrogate pair"},
	{"a high surrogate before another escape", `"\uD800\n"`, jsonb.ErrRefused, 1, "half a surrogate pair"},
	{"a high surrogate before an escaped letter", `"\ud800\u0041"`, jsonb.ErrRefused, 1, "half a surrogate pair"},
	{"two high surrogates", `"\ud800\ud800\udc00"`, jsonb.ErrRefused, 1, "half a surrogate pair"},
	{"a high surrogate and a backslash at the end", `"\ud800\`, jsonb.ErrRefused, 1, "half a surrogate pair"},
	{"a low surrogate alone", `"x\udc00"`, jsonb.ErrRefused, 2, "half a surrogate pair"},
	{"surrogates the wrong way round", `"\ude00\ud83d"`, jsonb.ErrRefused, 1, "half a surrogate pair"},

	{"a sign alone", "-", jsonb.ErrInvalid, 1, "unexpected end, want a digit"},
	{"a plus sign", "+1", jsonb.ErrInvalid, 0, "unexpected '+', want a value"},
	{"a leading zero", "[01]", jsonb.ErrInvalid, 2, "unexpected '1', want ',' or ']'"},
	{"a leading zero behind a sign", "-00", jsonb.ErrInvalid, 2, "unexpected '0', want the end"},
	{"a point first", ".5", jsonb.ErrInvalid, 0, "unexpected '.', want a value"},
	{"a point last", "5.", jsonb.ErrInvalid, 2, "unexpected end, want a digit"},
	{"a point before the exponent", "5.e1", jsonb.ErrInvalid, 2, "unexpected 'e', want a digit"},
	{"two points", "1.2.3", jsonb.ErrInvalid, 3, "unexpected '.', want the end"},
	{"an empty exponent", "1e", jsonb.ErrInvalid, 2, "unexpected end, want a digit"},
	{"a sign as exponent", "1e-]", jsonb.ErrInvalid, 3, "unexpected ']', want a digit"},
	{"a letter behind a number", "1a", jsonb.ErrInvalid, 1, "unexpected 'a', want the end"},
	{"a hexadecimal number", "0x1F", jsonb.ErrInvalid, 1, "unexpected 'x', want the end"},
	{"a number with an underscore", "1_0", jsonb.ErrInvalid, 1, "unexpected '_', want the end"},

	{"a digit too many before the point", " " + strings.Repeat("7", 131073), jsonb.ErrRefused, 1, beyond},
	{"a digit too many after the point", "0." + strings.Repeat("0", 16384), jsonb.ErrRefused, 0, beyond},
	{"an exponent too great", "[1e131072]", jsonb.ErrRefused, 1, beyond},
	{"an exponent too great for a small number", "0.001e131075", jsonb.ErrRefused, 0, beyond},
	{"an exponent too small", "-1e-16384", jsonb.ErrRefused, 0, beyond},
	{"an exponent too small for zero", "0e-16384", jsonb.ErrRefused, 0, beyond},
	{"an exponent too small for many zeros", "1" + strings.Repeat("0", 16384) + "e-16384", jsonb.ErrRefused, 0, beyond},
	{"an exponent far too great", "1e99999999999999999999", jsonb.ErrRefused, 0, beyond},
	{"an exponent far too great for zero", "0e1073741824", jsonb.ErrRefused, 0, beyond},
	{"an exponent far too small", "1e-99999999999999999999", jsonb.ErrRefused, 0, beyond},
}

const beyond = "number beyond the range of numeric"

func nested(before, inside, behind string, depth int) string {
	return strings.Repeat(before, depth) + inside + strings.Repeat(behind, depth)
}
