package memory

import "errors"

var (
	// ErrExists is returned by [Rows.Insert] when the table has a row with that key.
	ErrExists = errors.New("memory: row exists")

	// ErrTxDone is returned by the methods of a [Tx] that has been committed or rolled back, and of the adapter in it.
	ErrTxDone = errors.New("memory: transaction has ended")
)
