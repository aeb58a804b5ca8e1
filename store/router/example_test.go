package router_test

import (
	"context"
	"fmt"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/store/router"
)

// Three servers, one supervisor. The stores would be *postgres.Store in a program.
func ExampleNew() {
	first, second, third := memory.New(), memory.New(), memory.New()
	s, err := router.New(router.Deal(router.DefaultSlots, first, second, third), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	sup := aggregate.NewSupervisor(s, nil)
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
