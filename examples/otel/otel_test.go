package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

func TestPrometheusReadsTheMeasurements(t *testing.T) {
	t.Parallel()
	meters, page, err := prometheusMeters()
	require.NoError(t, err)
	require.NoError(t, run(t.Context(), sdktrace.NewTracerProvider(), meters))
	w := httptest.NewRecorder()
	page.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	text := w.Body.String()
	for _, want := range []string{
		`messaging_process_duration_seconds_count{maestro_command="deposit",maestro_outcome="ok",maestro_root="account",messaging_destination_name="account",messaging_operation_name="evaluate"`,
		`maestro_outcome="rejected"`,
		`db_client_operation_duration_seconds_bucket{db_collection_name="event_log",db_operation_name="commit",db_system_name="memory"`,
		`messaging_client_sent_messages_total{maestro_root="account"`,
		`maestro_aggregates{maestro_root="account"`,
	} {
		require.Contains(t, text, want)
	}
}
