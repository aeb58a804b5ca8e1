package pgserver

import (
	"maps"
	"slices"
	"strconv"
)

// Config says what a server is like. A nil *Config and the zero value mean the
// same: a server made to be fast and forgotten.
type Config struct {
	// Durable keeps fsync and full_page_writes on, as in production, so that a
	// commit costs what it costs there. False, for unit tests, turns them off: what
	// was committed then survives Kill and a stop of mode Immediate, and is
	// lost only with the machine.
	Durable bool

	// Port is the loopback port to listen on. 0 takes a free one, which then
	// stays the same over every restart.
	Port int

	// MaxConnections bounds the connections. 0 means 200.
	MaxConnections int

	// Settings are further server settings, name to value. They win over those
	// that the fields above imply.
	Settings map[string]string

	// Parent is the folder in which the server's own folder is made. "" means
	// the folder for temporary files.
	Parent string
}

// arguments returns the settings as arguments of the program postgres.
func (c *Config) arguments(port int) []string {
	settings := map[string]string{
		"listen_addresses": "127.0.0.1",
		"port":             strconv.Itoa(port),
		// No Unix socket: the folder's path may be longer than a socket's may be.
		"unix_socket_directories": "",
		"max_connections":         "200",
		"logging_collector":       "off",
		"log_destination":         "stderr",
		// Tests compare server messages, and dates in them.
		"lc_messages": "C",
		"timezone":    "UTC",
	}
	if !c.Durable {
		// Not synchronous_commit too: that would lose commits with the process.
		settings["fsync"] = "off"
		settings["full_page_writes"] = "off"
	}
	if c.MaxConnections > 0 {
		settings["max_connections"] = strconv.Itoa(c.MaxConnections)
	}
	maps.Copy(settings, c.Settings)

	var args []string
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}
	return args
}
