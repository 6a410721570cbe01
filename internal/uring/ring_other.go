//go:build !linux

package uring

import "errors"

// A Ring is there on Linux only.
type Ring struct{}

var errNone = errors.ErrUnsupported

// New fails.
func New(uint32) (*Ring, error) { return nil, errNone }

// Submit fails.
func (*Ring) Submit(...Op) error { return errNone }

// Pending returns 0.
func (*Ring) Pending() int { return 0 }

// Wait fails.
func (*Ring) Wait() error { return errNone }

// Take does nothing.
func (*Ring) Take(func(Result)) {}

// Silence does nothing.
func (*Ring) Silence(bool) {}

// Rouse does nothing.
func (*Ring) Rouse() error { return nil }

// End does nothing.
func (*Ring) End() error { return nil }

// Close does nothing.
func (*Ring) Close() error { return nil }
