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
		command string
		data    any
		want    string
	}{
		{"open_account", Open{Owner: "Ada"}, "Ada has 0"},
		{"deposit_money", Deposit{Cents: 500}, "Ada has 500"},
		{"withdraw_money", Withdraw{Cents: 700}, "refused: withdraw 700: the balance is 500"},
	} {
		got, err := bank.Do(t.Context(), types.Command{AggregateID: id, Type: step.command, Data: step.data})
		if got != step.want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", step.command, got, err, step.want)
		}
	}
}
