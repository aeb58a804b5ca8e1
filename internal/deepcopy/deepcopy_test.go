package deepcopy_test

import (
	"bytes"
	"math/big"
	"net/netip"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/internal/deepcopy"
)

func TestNumbersAndAddressesOfTheStandardLibraryAreCopied(t *testing.T) {
	t.Parallel()
	type known struct {
		Pointer *big.Int
		Value   big.Int
		Addr    netip.Addr
		Net     netip.Prefix
		Link    url.URL
		Links   []*url.URL
	}
	link, err := url.Parse("https://ann:secret@example.org/a?b=c#d")
	require.NoError(t, err)
	fresh := func() known {
		l := *link
		return known{big.NewInt(7), *big.NewInt(8), netip.MustParseAddr("fe80::1%eth0"), netip.MustParsePrefix("10.0.0.0/8"), l, []*url.URL{&l}}
	}
	clone, err := deepcopy.Of[known]()
	require.NoError(t, err)
	was := fresh()
	state, err := clone(was)
	require.NoError(t, err)
	require.Equal(t, fresh(), state)
	state.Pointer.SetInt64(1)
	state.Value.SetInt64(1)
	state.Links[0].Host = "spoilt"
	require.Equal(t, fresh(), was)
}

func TestATypeOfAnotherPackageThatCantBeCopiedIsNamedByTheFieldThatHasIt(t *testing.T) {
	t.Parallel()
	_, err := deepcopy.Of[struct{ Price *big.Rat }]()
	require.EqualError(t, err, "S.Price (big.Rat) refers to memory in its field a, which can't be copied: use a type that shows its fields, such as a string, or set Definition.Clone")
	_, err = deepcopy.Of[struct{ Buffers []bytes.Buffer }]()
	require.ErrorContains(t, err, "S.Buffers[…] (bytes.Buffer) refers to memory in its field buf")
}
