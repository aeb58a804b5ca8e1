package main

import (
	"context"
	"slices"
	"strconv"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/types"
)

// Show is an evening with numbered seats, from 1 on.
type Show struct {
	Name  string         `json:"name"`
	Seats int            `json:"seats"`
	Taken map[int]string `json:"taken"` // from the seat to the booking
}

// Booking is what a customer has.
type Booking struct {
	Show  string `json:"show"`
	Seats []int  `json:"seats"`
}

// The data of commands and the bodies of events.
type (
	OpenShow struct {
		Name  string `json:"name"`
		Seats int    `json:"seats"`
	}
	ShowOpened OpenShow
	TakeSeats  struct {
		Booking string `json:"booking"`
		Seats   []int  `json:"seats"`
	}
	SeatsTaken   TakeSeats
	Book         struct{ Booking }
	Booked       struct{ Booking }
	BlockSeats   struct{ Seats []int } // since version 3
	SeatsBlocked struct{ Seats []int } // read since version 2
)

// CommandType is the type of each command, by which its handler is found.
func (OpenShow) CommandType() string   { return "open_show" }
func (TakeSeats) CommandType() string  { return "take_seats" }
func (BlockSeats) CommandType() string { return "block_seats" }
func (Book) CommandType() string       { return "book" }

// The versions of the program, for the deploy: version 2 reads an event that version 3 writes.
const (
	firstVersion  = 1
	readerVersion = 2
	writerVersion = 3
)

const blocked = "blocked"

// Shows is the definition of shows in a version of the program.
func Shows(version int) aggregate.Definition[Show] {
	d := aggregate.Definition[Show]{
		Name:    "show",
		Initial: func() Show { return Show{Taken: map[int]string{}} },
		Commands: aggregate.CommandsOf(
			aggregate.Handle(openShow),
			aggregate.Handle(takeSeats),
		),
		Events: aggregate.Events[Show]{
			"show_opened": aggregate.Event(func(s Show, e ShowOpened) Show { s.Name, s.Seats = e.Name, e.Seats; return s }),
			"seats_taken": aggregate.Event(func(s Show, e SeatsTaken) Show { return s.take(e.Booking, e.Seats) }),
		},
		Snapshots: aggregate.SnapshotPolicy{AfterReplay: 200},
	}
	if version >= readerVersion {
		d.Events["seats_blocked"] = aggregate.Event(func(s Show, e SeatsBlocked) Show { return s.take(blocked, e.Seats) })
	}
	if version >= writerVersion {
		d.Commands["block_seats"] = aggregate.Command(blockSeats)
	}
	return d
}

func (s Show) take(who string, seats []int) Show {
	for _, seat := range seats {
		s.Taken[seat] = who
	}
	return s
}

func openShow(_ context.Context, s aggregate.Instance[Show], cmd OpenShow) ([]types.Uncommitted, error) {
	switch {
	case s.Sequence > 0:
		return nil, aggregate.Reject("the show is open already")
	case cmd.Name == "" || cmd.Seats < 1 || cmd.Seats > 10_000:
		return nil, aggregate.Reject("a show has a name and 1 to 10000 seats")
	}
	return types.Events(types.NewEvent("show_opened", ShowOpened(cmd))), nil
}

func takeSeats(_ context.Context, s aggregate.Instance[Show], cmd TakeSeats) ([]types.Uncommitted, error) {
	if err := s.State.free(cmd.Seats); err != nil {
		return nil, err
	}
	return types.Events(types.NewEvent("seats_taken", SeatsTaken(cmd))), nil
}

func blockSeats(_ context.Context, s aggregate.Instance[Show], cmd BlockSeats) ([]types.Uncommitted, error) {
	if err := s.State.free(cmd.Seats); err != nil {
		return nil, err
	}
	return types.Events(types.NewEvent("seats_blocked", SeatsBlocked(cmd))), nil
}

// free says why seats can't be had.
func (s Show) free(seats []int) error {
	if len(seats) == 0 {
		return aggregate.Reject("say which seats")
	}
	for i, seat := range seats {
		switch {
		case seat < 1 || seat > s.Seats:
			return aggregate.Reject("there is no seat %d", seat)
		case s.Taken[seat] != "":
			return aggregate.Reject("seat %d is taken", seat)
		case slices.Contains(seats[:i], seat):
			return aggregate.Reject("seat %s is named twice", strconv.Itoa(seat))
		}
	}
	return nil
}

// Bookings is the definition of bookings.
func Bookings() aggregate.Definition[Booking] {
	return aggregate.Definition[Booking]{
		Name: "booking",
		Commands: aggregate.CommandsOf(aggregate.Handle(
			func(_ context.Context, b aggregate.Instance[Booking], cmd Book) ([]types.Uncommitted, error) {
				if b.Sequence > 0 {
					return nil, aggregate.Reject("it is booked already")
				}
				return types.Events(types.NewEvent("booked", Booked(cmd))), nil
			})),
		Events: aggregate.Events[Booking]{
			"booked": aggregate.Event(func(_ Booking, e Booked) Booking { return e.Booking }),
		},
	}
}
