package aggregate

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/eventmaestro/maestro/hlc"
)

// derivedBits is how many of the 48 bits of milliseconds a derived id uses: enough for uniqueness, and few enough that
// it lies before 4 November 2004, where no clock of today issues anything.
const derivedBits = 40

// IDFor returns the id that belongs to a key, the same in every process and for ever, but only for
// this root. Use it to create an aggregate with a client's key, such as an Idempotency-Key: every
// repeat of the creation, in any process, concerns the same aggregate. It stores nothing. An empty
// key has the zero id, which is refused.
//
// The id is 120 bits of a hash of the root's name and the key, so two keys never share an id. Name
// the root in Definition.Name: the default is the name of a Go type, and the ids would change with
// it. The time in such an id means nothing. It lies before 2005, so no clock ever issues the same
// id or is moved by it.
func (r *Root[S]) IDFor(key string) hlc.Timestamp {
	if key == "" {
		return hlc.Timestamp{}
	}
	h := sha256.New()
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(r.family.name)))
	h.Write(length[:])
	h.Write([]byte(r.family.name))
	h.Write([]byte(key))
	id := hlc.Timestamp(h.Sum(nil)[:hlc.Size])
	clear(id[:(48-derivedBits)/8])
	return id
}
