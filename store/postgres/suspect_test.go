package postgres

import (
	"testing"

	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

func TestBodiesThatJsonbOftenRefusesAreSuspicious(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`"\u0000"`, `"\u003c \u0000"`, `"\ud83c"`, `"\uDFFF"`, "\"\xff\""} {
		require.True(t, suspicious([]types.Event{{Body: []byte(`1`)}, {Body: []byte(body)}}), body)
	}
	for _, body := range []string{`{}`, `"\u003c\u003e"`, `"\u00e9"`, `"\ud7ff"`, `"é"`, `"\u"`, `"\u00`, `nonsense`, ``, `"\u0001"`} {
		require.False(t, suspicious([]types.Event{{Body: []byte(body)}}), body)
	}
}
