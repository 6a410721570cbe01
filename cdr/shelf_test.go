package cdr

import (
	"testing"
)

// TestShelf: what is put is taken once, at its place; what the reader has
// passed is let go; what finds no room is left to the disk.
func TestShelf(t *testing.T) {
	var s shelf
	records := make([]*Record, shelfRoom+1)
	for i := range records {
		records[i] = endedRecord(i)
		s.put(cursor{1, int64(i)}, records[i])
	}
	if got := s.take(cursor{1, 10}); got != records[10] {
		t.Fatalf("took %v", got)
	}
	if got := s.take(cursor{1, 10}); got != nil {
		t.Fatalf("took %v twice", got.CallID)
	}
	if got := s.take(cursor{1, 9}); got != nil {
		t.Fatalf("took %v, which was passed", got.CallID)
	}
	if len(s.items) != shelfRoom-11 {
		t.Fatalf("%d left", len(s.items))
	}
	if got := s.take(cursor{2, 0}); got != nil || s.items != nil {
		t.Fatalf("took %v, %d left", got, len(s.items))
	}
}

// TestFlusherTakesFromShelf: a record that was appended now need not be decoded;
// one that the journal had to change is saved as the disk has it.
func TestFlusherTakesFromShelf(t *testing.T) {
	j := openJournal(t, JournalConfig{Dir: t.TempDir()})
	odd := endedRecord(2)
	odd.StartedAt = odd.StartedAt.Add(1) // a nanosecond
	mustAppend(t, j, Ended, endedRecord(1), odd, endedRecord(3))
	onDisk(t, j)
	if len(j.shelf.items) != 2 {
		t.Fatalf("%d on the shelf", len(j.shelf.items))
	}
	r := reader{j: j, at: j.position()}
	defer r.close()
	b, err := r.read(10)
	if err != nil || len(b.records) != 3 || b.records[1].StartedAt != endedRecord(2).StartedAt {
		t.Fatalf("%+v, %v", b, err)
	}
	if j.shelf.items != nil {
		t.Fatalf("%d left", len(j.shelf.items))
	}
}
