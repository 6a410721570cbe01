//go:build race

package transport

// maxWriteAllocs: the race detector makes sync.Pool forget on purpose.
const maxWriteAllocs = 100
