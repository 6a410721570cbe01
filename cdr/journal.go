package cdr

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// The way of an entry, and the files in that order:
//
//	journal.go  Queue: encode (entry.go, code.go), queue   any goroutine
//	queue.go    a bounded list
//	commit.go   queue → the hand: write, sync in groups    any goroutine, for a moment
//	hand.go     does that (io_uring), and says when        the hand's goroutine: done
//	writer.go   queue → write(2) → done                    the journal's goroutine
//	pace.go     when to sync that                          the journal's goroutine
//	syncer.go   fsync in groups                            the syncer's goroutine
//	settle.go   what became of written entries             whose turn it is
//	retire.go   delete old segments, carry live calls on   the journal's goroutine
//	reader.go   synced entries → flusher.go → a Sink       the flusher's goroutine
//	shelf.go    what the reader need not decode            both
//
// The hand takes what comes fast. What is rare - new segments, heartbeats, what
// follows a fault - is the goroutine's, and everything is where there is no hand.
//
// replay.go and orphans.go are the same way after a crash, in Open.

// A Mark says which moment of a call a journal entry records. Every entry
// holds the whole record, so the newest one of a call is enough.
type Mark uint8

// The marks of a call, in the order in which they happen. Started is optional,
// Answered is left out when the call never was. Only Ended has EndedAt set.
const (
	Started Mark = iota + 1
	Answered
	Ended
)

// JournalConfig configures [Open]. Zero fields but Dir take the value in
// brackets.
type JournalConfig struct {
	Dir            string            // where segments, checkpoint and dead letters live; made 0700
	NodeID         string            // written into every segment
	SegmentSize    int64             // octets after which a new segment is begun [16 MiB]
	SyncEvery      time.Duration     // longest wait of a written entry for its fsync to begin [10ms]
	HeartbeatEvery time.Duration     // while calls are live [1s]
	Queue          int               // entries waiting to be written; beyond half of it only Ended is taken [32768]
	QueueBytes     int64             // the same in octets [64 MiB]
	Unsynced       int64             // octets written but not synced; beyond it the queue waits [64 MiB]
	Together       func(tell func()) // calls tell, which tells the callers of a batch how it went [tell()]
	Now            func() time.Time  // wall clock [time.Now]
	Logger         *slog.Logger      // nil discards
	Metrics        *Metrics          // nil counts what nobody sees

	disk  disk                 // nil is the operating system's
	hands func() (hand, error) // nil is newHand
}

func (c JournalConfig) withDefaults() JournalConfig {
	def := func(v *int64, d int64) {
		if *v == 0 {
			*v = d
		}
	}
	def(&c.SegmentSize, 16<<20)
	def((*int64)(&c.SyncEvery), int64(10*time.Millisecond))
	def((*int64)(&c.HeartbeatEvery), int64(time.Second))
	def(&c.QueueBytes, 64<<20)
	def(&c.Unsynced, 64<<20)
	if c.Queue == 0 {
		c.Queue = 32768
	}
	if c.Together == nil {
		c.Together = func(tell func()) { tell() }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Metrics == nil {
		c.Metrics = NewMetrics(nil)
	}
	if c.disk == nil {
		c.disk = osDisk{}
	}
	if c.hands == nil {
		c.hands = newHand
	}
	return c
}

func (c JournalConfig) validate() error {
	switch {
	case c.Dir == "":
		return errors.New("cdr: journal: Dir is empty")
	case c.SegmentSize < 0 || c.SyncEvery < 0 || c.HeartbeatEvery < 0:
		return errors.New("cdr: journal: SegmentSize, SyncEvery and HeartbeatEvery must not be negative")
	case c.Queue < 2 || c.QueueBytes < 0 || c.Unsynced < 0:
		return errors.New("cdr: journal: Queue must be 2 or more, QueueBytes and Unsynced must not be negative")
	}
	return nil
}

// A Journal is the node's append-only record of its calls on local disk. Its
// methods are safe for concurrent use.
type Journal struct {
	cfg       JournalConfig
	run       string // names this process in segments and heartbeats
	lock      *os.File
	recovered Recovery

	coders coders
	queue  queue
	shelf  shelf

	mu       sync.Mutex // guards the following fields and those of segments that say so
	segments []*segment // oldest first
	flushed  cursor     // everything before it has been saved
	newest   uint64     // highest segment number ever used

	hand     hand // nil where the system has none
	follower follower
	telling  sync.WaitGroup // loads of the hand whose callers are being told

	turn     sync.Mutex       // guards the following fields and those of segments that say so
	current  *segment         // nil before the first entry and after a failure
	live     map[string]place // newest entry of each call that has not ended
	liveSize int64            // octets of those entries
	flight   flight
	pending  []item // written, not yet known to be synced
	pendSize int64  // octets of those
	owed     []item // not written because the disk would not
	lsn      uint64 // counts entries
	barriers []barrier
	carrying []string // calls still to be carried out of the oldest segment
	failing  bool     // the last write failed; keeps the log short
	ended    bool     // the hand begins nothing any more

	// Owned by the journal's goroutine, which has the turn.
	own      *load
	pace     pace
	beat     bool // a heartbeat is due
	unsynced bool // something was written that neither the syncer nor the hand has been told of

	wake     chan struct{} // to the journal's goroutine: look around
	dirty    chan struct{} // to the syncer: sync what was written
	readable chan struct{} // to the flusher: something was synced
	closing  chan struct{}
	wrote    chan struct{} // closed when the journal's goroutine is gone
	reaped   chan struct{} // closed when the hand's goroutine is gone
	stopSync chan struct{}
	synced   chan struct{} // closed when the syncer is gone
	closed   sync.Once
}

// Recovery says what [Open] found.
type Recovery struct {
	Segments int      // files read
	Entries  int      // sound entries in them
	Orphans  int      // calls without an end, ended now as node_failure
	Damage   []Damage // what could not be read
}

// Open replays the journal in cfg.Dir, ends the calls that the last process
// left live (see [EndNodeFailure]). What is appended goes into new segments.
// The directory belongs to one process at a time: a second Open fails and
// says so.
func Open(cfg JournalConfig) (*Journal, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("cdr: journal: %w", err)
	}
	lock, err := lockDir(cfg.Dir)
	if err != nil {
		return nil, err
	}
	j := &Journal{
		cfg: cfg, run: newRun(), lock: lock,
		queue:    queue{limit: cfg.Queue, limitSize: cfg.QueueBytes},
		pace:     pace{every: cfg.SyncEvery},
		live:     map[string]place{},
		wake:     make(chan struct{}, 1),
		dirty:    make(chan struct{}, 1),
		readable: make(chan struct{}, 1),
		closing:  make(chan struct{}),
		wrote:    make(chan struct{}),
		reaped:   make(chan struct{}),
		stopSync: make(chan struct{}),
		synced:   make(chan struct{}),
	}
	j.own = j.newLoad()
	if err := j.restore(); err != nil {
		return nil, errors.Join(err, j.closeFiles(), lock.Close())
	}
	if j.hand, err = cfg.hands(); err != nil {
		cfg.Logger.Info("the journal does without io_uring, which costs processor time while many calls come", "reason", err)
	}
	if j.hand != nil {
		go j.reap()
	}
	go j.write()
	go j.sync()
	notify(j.readable)
	return j, nil
}

// Recovered returns what [Open] found.
func (j *Journal) Recovered() Recovery { return j.recovered }

// Append is [Journal.Queue] and [Journal.Commit].
func (j *Journal) Append(mark Mark, r *Record, done func(error)) bool {
	ok := j.Queue(mark, r, done)
	j.Commit()
	return ok
}

// Queue queues one entry and never blocks. It is written after the next Commit,
// or with the next heartbeat. Queue has read r when it returns and
// keeps no reference to it, but for Ended: such a record must not change any
// more. done (may be nil) is called once, on a goroutine of the journal or on one
// that calls Beat, after the write and before the fsync; it must not block.
//
// A non-nil error given to done means that the entry is not on disk: the disk
// is full or broken, or the record cannot be encoded. An Ended entry that the
// disk refused is kept in memory all the same and written when the disk takes
// it.
//
// Queue returns false, and never calls done, when the queue is full or the
// journal is closed. Ended has twice the room of the others, so that new calls
// are refused before the end of an old one is.
func (j *Journal) Queue(mark Mark, r *Record, done func(error)) bool {
	if !j.queue.room(mark) {
		j.cfg.Metrics.refused.Inc()
		return false
	}
	it := item{mark: mark, callID: r.CallID, done: done}
	exact := false
	it.frame, exact, it.err = j.coders.frame(mark, r, j.cfg.Now())
	if mark == Ended && exact {
		it.rec = r
	}
	if !j.queue.add(it) {
		j.cfg.Metrics.refused.Inc()
		return false
	}
	return true
}

// Close writes and syncs what is queued and returns when the last goroutine
// is gone. Stop the flusher first. The error names what may be lost.
func (j *Journal) Close() error {
	var err error
	j.closed.Do(func() {
		j.queue.close()
		close(j.closing)
		<-j.wrote
		err = j.endHand()
		close(j.stopSync)
		<-j.synced
		err = errors.Join(err, j.lastSync(), j.closeFiles(), j.lock.Close())
	})
	return err
}

// endHand returns when the hand has done what it has begun.
func (j *Journal) endHand() error {
	if j.hand == nil {
		return nil
	}
	err := j.hand.end()
	<-j.reaped
	j.telling.Wait()
	return errors.Join(err, j.hand.close())
}

// notify wakes the one goroutine that reads c, now or at its next look.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
