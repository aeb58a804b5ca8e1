package jsonb_test

import (
	"errors"
	"fmt"

	"github.com/eventmaestro/maestro/internal/body/jsonb"
)

func ExampleCanonical() {
	out, err := jsonb.Canonical([]byte(`{"name":"a\u003cb","by":1.50e1,"by":1e2}`))
	fmt.Println(string(out), err)
	// Output: {"by": 100, "name": "a<b"} <nil>
}

func ExampleError() {
	_, err := jsonb.Canonical([]byte(`{"name": "\u0000"}`))
	var fault *jsonb.Error
	fmt.Println(errors.Is(err, jsonb.ErrRefused), errors.As(err, &fault), fault.Offset)
	fmt.Println(err)
	// Output:
	// true true 10
	// jsonb: JSON refused at byte 10: \u0000 can't be stored
}
