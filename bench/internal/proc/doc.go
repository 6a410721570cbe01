// Package proc reads from Linux's /proc what a process and its descendants
// cost: processor time, memory, descriptors, and the datagrams that their
// sockets dropped. On other systems every reading is an error.
//
// Processor time is utime+stime of the whole tree, not the machine's idle
// time: with tick accounting the latter misses most of what short wake-ups
// take. What the kernel does to deliver a datagram over the loopback is charged
// to whoever sends it.
package proc
