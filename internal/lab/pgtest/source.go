package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/eventmaestro/maestro/internal/lab/pgserver"
)

// source is one place that a server may come from. It returns errNone where it
// has none, and any other error where it has one that does not work.
type source func(context.Context) (*Server, error)

// sources returns the places in the order in which they are asked.
func sources() []source { return []source{fromURL, fromPrograms, fromContainer} }

// open returns the server of the first source that has one, or the last source's
// reason for having none.
func open(ctx context.Context, from []source) (*Server, error) {
	none := errNone
	for _, source := range from {
		server, err := source(ctx)
		if errors.Is(err, errNone) {
			none = err
			continue
		}
		return server, err
	}
	return nil, none
}

// fromURL uses the database that the environment names.
func fromURL(ctx context.Context) (*Server, error) {
	url := os.Getenv(EnvURL)
	if url == "" {
		return nil, errNone
	}
	if err := exec(ctx, url, "SELECT 1"); err != nil {
		return nil, fmt.Errorf("pgtest: %s: %w", EnvURL, err)
	}
	return &Server{URL: url, Source: EnvURL, close: func() error { return nil }}, nil
}

// fromPrograms starts a cluster of this process' own.
func fromPrograms(ctx context.Context) (*Server, error) {
	local, err := pgserver.Start(ctx, nil)
	if errors.Is(err, pgserver.ErrNoPrograms) {
		return nil, errNone
	}
	if err != nil {
		return nil, fmt.Errorf("pgtest: %w", err)
	}
	return &Server{
		URL:    local.URL("postgres"),
		Local:  local,
		Source: "a cluster in " + local.DataDir(),
		close:  local.Close,
	}, nil
}
