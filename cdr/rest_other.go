//go:build !linux

package cdr

func newRest() rest { return newTimerRest() }
