//go:build !race

package transport

const maxWriteAllocs = 0
