package main

import (
	"testing"

	"github.com/eventmaestro/maestro/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }
