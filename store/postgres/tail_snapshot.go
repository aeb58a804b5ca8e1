package postgres

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A snapshot is the set of the transactions that are visible at a moment: all that are below max,
// except those in without. Tails work with these alone. A window is what one snapshot shows and an
// earlier one does not.
//
// What the server calls a snapshot is closed: with a transaction it shows all that were committed
// when that one saw or followed them. So an event is never in an earlier window than its
// predecessor in the aggregate: whoever stored it did so after that was committed, or in the same
// transaction. The order of the numbers promises nothing of the kind, for a transaction may take
// its number long before it stores its events.
type snapshot struct {
	max     uint64
	without []uint64 // in rising order, all below max
}

// nothing shows no transaction; numbers begin at 3.
var nothing = snapshot{max: 1}

func parseSnapshot(text string) (snapshot, error) {
	var s snapshot
	_, rest, _ := strings.Cut(text, ":")
	limit, list, found := strings.Cut(rest, ":")
	if !found {
		return s, fmt.Errorf("%q is no snapshot", text)
	}
	var err error
	if s.max, err = strconv.ParseUint(limit, 10, 64); err != nil {
		return s, err
	}
	if list == "" {
		return s, nil
	}
	for item := range strings.SplitSeq(list, ",") {
		x, err := strconv.ParseUint(item, 10, 64)
		if err != nil {
			return s, err
		}
		s.without = append(s.without, x)
	}
	return s, nil
}

// String is the server's own text form.
func (s snapshot) String() string {
	lowest := s.max
	if len(s.without) > 0 {
		lowest = s.without[0]
	}
	return fmt.Sprintf("%d:%d:%s", lowest, s.max, join(s.without))
}

func join(numbers []uint64) string {
	texts := make([]string, len(numbers))
	for i, x := range numbers {
		texts[i] = strconv.FormatUint(x, 10)
	}
	return strings.Join(texts, ",")
}

// list is a parameter of the form {1,2}.
func list(numbers []uint64) string { return "{" + join(numbers) + "}" }

func (s snapshot) shows(x uint64) bool {
	_, without := slices.BinarySearch(s.without, x)
	return x < s.max && !without
}

// contains reports whether s shows all that other does.
func (s snapshot) contains(other snapshot) bool {
	return s.max >= other.max && !slices.ContainsFunc(s.without, other.shows)
}

// below is what s shows of the transactions below limit.
func (s snapshot) below(limit uint64) snapshot {
	if limit >= s.max {
		return s
	}
	n, _ := slices.BinarySearch(s.without, limit)
	return snapshot{max: limit, without: slices.Clip(s.without[:n])}
}

// minus is s except for some transactions.
func (s snapshot) minus(numbers map[uint64]bool) snapshot {
	without := slices.Clone(s.without)
	for x := range numbers {
		without = append(without, x)
	}
	slices.Sort(without)
	return snapshot{max: s.max, without: slices.Compact(without)}
}

// late are the transactions below s.max that then shows and s does not.
func (s snapshot) late(then snapshot) []uint64 {
	var late []uint64
	for _, x := range s.without {
		if then.shows(x) {
			late = append(late, x)
		}
	}
	return late
}
