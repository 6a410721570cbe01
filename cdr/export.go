package cdr

import "io"

// WriteCSVHeader writes the header line of [WriteCSV].
func WriteCSVHeader(w io.Writer) error { return nil }

// WriteCSV writes one record as one CSV line (RFC 4180).
func WriteCSV(w io.Writer, r *Record) error { return nil }

// WriteJSONL writes one record as one line of JSON.
func WriteJSONL(w io.Writer, r *Record) error { return nil }
