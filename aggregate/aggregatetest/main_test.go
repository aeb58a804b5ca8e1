package aggregatetest_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.WithServer(m)) }
