package types

import "context"

// Metadata says where an event came from. It travels in the caller's context
// ([WithMetadata]) to the handlers, to the projections and, in a store that has
// the optional metadata column, into the log. The zero value says nothing.
type Metadata struct {
	// CorrelationID is shared by everything that one request led to.
	CorrelationID string `json:"correlation_id,omitempty"`

	// CausationID names what led to the command: another event, a message, a job.
	CausationID string `json:"causation_id,omitempty"`

	// Actor is who asked for it.
	Actor string `json:"actor,omitempty"`

	// TraceParent is a W3C trace context header.
	TraceParent string `json:"traceparent,omitempty"`

	// CommandID is the ID of the command that made the event; the library fills it in.
	CommandID string `json:"command_id,omitempty"`
}

// IsZero reports whether m says nothing.
func (m Metadata) IsZero() bool { return m == Metadata{} }

type metadataKey struct{}

// WithMetadata returns a copy of ctx that carries m to the commands evaluated with it.
func WithMetadata(ctx context.Context, m Metadata) context.Context {
	return context.WithValue(ctx, metadataKey{}, m)
}

// MetadataFrom returns the metadata that ctx carries, or the zero value.
func MetadataFrom(ctx context.Context) Metadata {
	m, _ := ctx.Value(metadataKey{}).(Metadata)
	return m
}
