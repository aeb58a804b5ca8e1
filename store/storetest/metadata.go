package storetest

import (
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

func metadataClauses() []clause {
	return []clause{
		{name: "metadata reads back as it was committed", run: metadataKept, needs: FeatureMetadata},
		{name: "events of one commit have metadata of their own", run: metadataApart, needs: FeatureMetadata},
		{name: "a store without metadata stores the event without", run: metadataDropped, without: FeatureMetadata},
		{name: "a projection gets the metadata of the event", run: metadataProjected, needs: FeatureProjections},
	}
}

func someMetadata() types.Metadata {
	return types.Metadata{
		CorrelationID: "request 'ä' 🎉", CausationID: "\"quoted\"", Actor: "someone@example.org",
		TraceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", CommandID: "c-1",
	}
}

func metadataKept(v *env) {
	id := v.stamp()
	e := v.event(id, 1)
	e.Metadata = someMetadata()
	v.must(e)
	v.holds(id, e)
	v.loads(id, store.Range{}, 0, []types.Event{e})
}

func metadataApart(v *env) {
	id := v.stamp()
	events := v.events(id, 1, 4)
	events[1].Metadata = someMetadata()
	events[2].Metadata = types.Metadata{Actor: "another"}
	v.must(events...)
	v.holds(id, events...)
}

func metadataDropped(v *env) {
	id := v.stamp()
	e := v.event(id, 1)
	e.Metadata = someMetadata()
	v.must(e)
	e.Metadata = types.Metadata{}
	v.holds(id, e)
}

func metadataProjected(v *env) {
	p, got := v.collector()
	e := v.event(v.stamp(), 1)
	e.Metadata = someMetadata()
	require.NoError(v, v.project([]store.Projection{p}, e))
	v.same([]types.Event{e}, got())
}
