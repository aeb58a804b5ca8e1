// Package containers starts the throw-away Postgres of the tests in a container,
// for machines that have a container engine and no Postgres.
package containers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/modules/postgres"

	"github.com/eventmaestro/maestro/internal/lab/pgserver"
)

// stopTimeout bounds how long a container may take to be removed.
const stopTimeout = 30 * time.Second

// Postgres starts a container and returns the connection string of its database,
// as superuser, when it takes connections. The caller ends the container with
// stop. The end of ctx ends the wait, and whatever was started by then.
func Postgres(ctx context.Context) (url string, stop func() error, err error) {
	image := pgserver.Image()
	container, err := postgres.Run(ctx, image,
		postgres.WithDatabase("maestro"), postgres.WithUsername("maestro"), postgres.WithPassword("maestro"),
		postgres.BasicWaitStrategies(),
		testcontainers.WithCmdArgs("-c", "fsync=off", "-c", "max_connections=200"),
	)
	stop = func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		return testcontainers.TerminateContainer(container, testcontainers.StopContext(ctx), testcontainers.StopTimeout(0))
	}
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("containers: start %s: %w", image, err), stop())
	}
	url, err = container.ConnectionString(ctx, "sslmode=disable")
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("containers: address of %s: %w", image, err), stop())
	}
	return url, stop, nil
}
