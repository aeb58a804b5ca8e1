package main

import (
	"log/slog"
	"testing"

	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

func TestABankWithoutADatabase(t *testing.T) {
	bank, err := NewBank(memory.New(), slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	defer bank.Close()
	id, err := bank.accounts.NewID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		command types.CommandData
		want    string
	}{
		{Open{Owner: "Ada"}, "Ada has 0"},
		{Deposit{Cents: 500}, "Ada has 500"},
		{Withdraw{Cents: 700}, "refused: withdraw 700: the balance is 500"},
	} {
		got, err := bank.Do(t.Context(), types.CommandOf(id, step.command))
		if got != step.want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", step.command.CommandType(), got, err, step.want)
		}
	}
}
