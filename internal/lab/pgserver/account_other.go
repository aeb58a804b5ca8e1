//go:build !unix

package pgserver

import (
	"os"
	"syscall"
)

// account is the user that the server programs run as: always the current one,
// where there are no Unix users.
type account struct{}

func serverAccount() (account, error)            { return account{}, nil }
func (account) own(string) error                 { return nil }
func (account) attributes() *syscall.SysProcAttr { return nil }
func (account) parent() string                   { return os.TempDir() }
func ownGroup() *syscall.SysProcAttr             { return nil }
