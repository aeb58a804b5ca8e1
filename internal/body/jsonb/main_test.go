package jsonb_test

import (
	"testing"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }
