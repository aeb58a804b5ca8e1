// Package realtools runs the generated migrations with goose, golang-migrate,
// tern and dbmate themselves.
package realtools
