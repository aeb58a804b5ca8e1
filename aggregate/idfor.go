package aggregate

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/eventmaestro/maestro/hlc"
)

// derivedBits is how many of the 48 bits of milliseconds a derived id uses: enough for uniqueness, and few enough that
// it lies before 4 November 2004, where no clock of today issues anything.
const derivedBits = 40

// IDFor returns the id that belongs to a key: the same in every process and for ever, for this root alone. It is for
// creating with a key of the client's, such as an Idempotency-Key: whoever repeats the creation, and whichever process
// gets it, it is about the same aggregate. Nothing is stored by it. An empty key has the zero id, which is refused.
//
// The id is a hash of the root's name and the key, 120 bits of it, so two keys don't meet. Name the root in
// Definition.Name: the default is the name of a Go type, and the ids would change with it. The time in such an id
// means nothing; it lies before 2005, so that no clock ever issues the same id, and none is moved by it.
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
