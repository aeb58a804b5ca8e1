package main

import (
	"context"
	"fmt"
	"os"

	"github.com/eventmaestro/maestro/store/memory"
)

func Example() {
	if err := run(context.Background(), memory.New(), os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// value: 42
	// rejected: increment by 60: the counter is at 42 and ends at 100
	// value at sequence 2: 3
	// 1 counter_incremented {"By": 1}
	// 2 counter_incremented {"By": 2}
	// 3 counter_incremented {"By": 39}
}
