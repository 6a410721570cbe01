//go:build !linux

package main

import (
	"errors"
	"io"
)

var errLinux = errors.New("it needs Linux: network namespaces, rtpengine, the kernel's forwarding")

func measure(options, io.Writer) (*results, error) { return nil, errLinux }

func runGenerator([]string, io.Reader, io.Writer) error { return errLinux }
