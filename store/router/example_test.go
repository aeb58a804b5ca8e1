package router_test

import (
	"context"
	"fmt"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/store/router"
)

func ExampleNew() {
	s, err := router.New(router.Deal(2, memory.New(), memory.New()), nil)
	fmt.Println(len(s.Table()), err)
	// Output: 2 <nil>
}

func ExampleDeal() {
	first, second := memory.New(), memory.New()
	table := router.Deal(5, first, second)
	fmt.Println(table[0] == first, table[1] == second, table[4] == first)
	// Output: true true true
}

func ExampleSlot() {
	id, _ := hlc.Parse("2026-01-01T12:00:00.000Z-0000-0000000000000001")
	fmt.Println(router.Slot(id, router.DefaultSlots) < router.DefaultSlots)
	// Output: true
}

// Three servers, one supervisor. The stores would be *postgres.Store in a program.
func Example() {
	first, second, third := memory.New(), memory.New(), memory.New()
	s, err := router.New(router.Deal(router.DefaultSlots, first, second, third), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	sup, err := aggregate.NewSupervisor(s, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sup.Shutdown(context.Background())
	fmt.Println(len(s.Table()), "slots, slot 1 on the second:", s.Table()[1] == second)
	// Output:
	// 1024 slots, slot 1 on the second: true
}

func ExampleSlotSQL() {
	fmt.Println(`DELETE FROM event_log WHERE ` + router.SlotSQL("aggregate_id", 1024) + ` = 17`)
	// Output:
	// DELETE FROM event_log WHERE ((get_byte(sha256(aggregate_id), 0) * 256 + get_byte(sha256(aggregate_id), 1)) % 1024) = 17
}
