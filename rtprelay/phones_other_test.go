//go:build !linux

package rtprelay

import "errors"

const phonesEnv = "RTPRELAY_PHONES"

func phones(string) error { return errors.ErrUnsupported }
