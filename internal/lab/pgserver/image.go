package pgserver

import "os"

// EnvImage is the variable that names the container image to run where no server
// programs are installed. The image must keep the official one's contract:
// POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB, port 5432, and the ready line
// twice in the log of a first start.
const EnvImage = "MAESTRO_TEST_POSTGRES_IMAGE"

// DefaultImage is the image where the environment names none.
const DefaultImage = "postgres:17"

// Image returns the name of the container image to run.
func Image() string {
	if name := os.Getenv(EnvImage); name != "" {
		return name
	}
	return DefaultImage
}
