package postgres_test

import (
	"testing"

	"github.com/eventmaestro/maestro/internal/pgtest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.WithServer(m)) }
