package postgres_test

import (
	"fmt"
	"testing"

	"github.com/eventmaestro/maestro/store"
	"github.com/stretchr/testify/require"
)

const triggerSQL = `CREATE SEQUENCE tries;
CREATE FUNCTION interfere() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN %s RETURN new; END $$;
CREATE TRIGGER interfere BEFORE INSERT ON event_log FOR EACH ROW EXECUTE FUNCTION interfere()`

func TestACommitThatGetsInTheWayOfOthersIsSentAgain(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"40001", "40P01"} {
		for kind, projections := range kinds {
			t.Run(code+" "+kind, func(t *testing.T) {
				t.Parallel()
				s, pool := crowd(t, nil)
				_, err := pool.Exec(t.Context(), fmt.Sprintf(triggerSQL, `IF nextval('tries') <= 2 THEN RAISE EXCEPTION 'later' USING ERRCODE = '`+code+`'; END IF;`))
				require.NoError(t, err)
				c := commit(stamp(), 1, 1)
				c.Projections = projections
				require.NoError(t, s.Commit(t.Context(), c))
				require.Equal(t, c.Events, stored(t, s, c.AggregateID))
			})
		}
	}
}

func TestACommitThatWaitedInVainForALockWaitsOnceMoreOutsideOfTheCrowd(t *testing.T) {
	t.Parallel()
	for kind, projections := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s, pool := crowd(t, nil)
			_, err := pool.Exec(t.Context(), fmt.Sprintf(triggerSQL, `IF nextval('tries') <= 1 THEN RAISE EXCEPTION 'later' USING ERRCODE = '55P03'; END IF;`))
			require.NoError(t, err)
			c := commit(stamp(), 1, 1)
			c.Projections = projections
			err = s.Commit(t.Context(), c)
			if kind == "direct projection" {
				require.ErrorIs(t, err, store.ErrUnavailable, "it is never in a crowd")
				return
			}
			require.NoError(t, err)
		})
	}
}

func TestACommitThatAlwaysGetsInTheWayIsGivenUp(t *testing.T) {
	t.Parallel()
	s, pool := crowd(t, nil)
	_, err := pool.Exec(t.Context(), fmt.Sprintf(triggerSQL, `PERFORM nextval('tries'); RAISE EXCEPTION 'never' USING ERRCODE = '40P01';`))
	require.NoError(t, err)
	err = s.Commit(t.Context(), commit(stamp(), 1, 1))
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.ErrorContains(t, err, "races")
	var tries int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT last_value FROM tries`).Scan(&tries))
	require.Equal(t, 6, tries)
}

func TestEventsThatATriggerSwallowsAreNotTakenForStored(t *testing.T) {
	t.Parallel()
	for _, calm := range []bool{true, false} {
		for kind, projections := range kinds {
			t.Run(fmt.Sprint(kind, " calm ", calm), func(t *testing.T) {
				t.Parallel()
				s, pool := crowd(t, nil)
				_, err := pool.Exec(t.Context(), fmt.Sprintf(triggerSQL, `IF new.sequence = 2 THEN RETURN NULL; END IF;`))
				require.NoError(t, err)
				s.SetCalm(calm)
				c := commit(stamp(), 1, 3)
				c.Projections = projections
				require.Error(t, s.Commit(t.Context(), c))
			})
		}
	}
}
