package test

import (
	"sync"
	"syscall"
	"testing"
	"time"

	"b2bua/internal/pgtest"
)

// promised is how soon every process of a database goes by a new policy.
const promised = 5 * time.Second

// seen waits until a server routes a call to a number, and returns how long
// that took from a moment on.
func (s *server) seen(since time.Time, called string) time.Duration {
	s.t.Helper()
	s.await("a plan for "+called, 1, func() float64 {
		var answer struct {
			Plan *struct{} `json:"plan"`
		}
		s.api("POST", "/v1/policy/explain", object{"source": "192.0.2.1:5060", "transport": "udp", "caller": "1", "called": called}, &answer)
		if answer.Plan == nil {
			return 0
		}
		return 1
	})
	return time.Since(since)
}

// Two processes on one database: what is changed at the one, the other goes by
// within five seconds; on Postgres much sooner, as long as it can be told.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		twoProcesses(t, "sqlite://"+t.TempDir()+"/b2bua.db", promised)
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		c := pgtest.Start(t)
		url := c.Database(t)
		here, there := twoProcesses(t, url, time.Second)
		there.await("listening connections", 1, func() float64 { return there.metric("b2bua_store_listening_connections") })
		// The connections break with the change, so that nobody is told.
		if n := c.SignalSessions(t, "LISTEN", syscall.SIGTERM); n != 2 {
			t.Errorf("%d sessions listen", n)
		}
		within(t, here, there, "2", promised)
		// They hang: nobody is told, and nobody knows that he is not.
		there.await("listening connections", 1, func() float64 { return there.metric("b2bua_store_listening_connections") })
		here.await("listening connections", 1, func() float64 { return here.metric("b2bua_store_listening_connections") })
		c.SignalSessions(t, "LISTEN", syscall.SIGSTOP)
		t.Cleanup(func() { c.SignalSessions(t, "LISTEN", syscall.SIGCONT) })
		told := there.metric("b2bua_store_notifications_total")
		within(t, here, there, "3", promised)
		if n := there.metric("b2bua_store_notifications_total"); n != told {
			t.Errorf("%v notifications: the sessions do not hang", n-told)
		}
	})
}

func twoProcesses(t *testing.T, url string, bound time.Duration) (here, there *server) {
	t.Helper()
	here, there = prepare(t, url, ""), prepare(t, url, "node_id: 2")
	for _, s := range []*server{here, there} {
		s.start()
		t.Cleanup(s.stop)
	}
	here.api("POST", "/v1/trunks", object{"name": "pbx", "sources": []string{"192.0.2.1/32"}, "gateways": []object{}}, nil)
	here.api("POST", "/v1/trunks", object{"name": "carrier", "gateways": []object{{"uri": "sip:192.0.2.9"}}}, nil)
	within(t, here, there, "1", bound)
	return here, there
}

// within changes the policy at one process and wants to see it at another.
func within(t *testing.T, here, there *server, prefix string, bound time.Duration) {
	t.Helper()
	here.api("POST", "/v1/routes", object{"name": "r" + prefix, "match": object{"called_prefix": prefix}, "targets": []object{{"trunk": "carrier"}}}, nil)
	took := there.seen(time.Now(), prefix+"00")
	t.Logf("route %s is seen by the other process after %s", prefix, took)
	if took > bound {
		t.Errorf("it took %s, %s is the bound", took, bound)
	}
}

// A server that starts while Postgres is down takes calls by the policy it
// kept; their records are in the table when Postgres is back, and the policy can be
// changed again.
func TestStartWithoutPostgres(t *testing.T) {
	t.Parallel()
	c := pgtest.Start(t)
	url := c.Database(t)
	s := prepare(t, url, "")
	s.start()
	s.route(nil, s.ip(3)+":5060", s.ip(4)+":5060")
	s.kill()
	c.Stop(t)
	s.start()
	t.Cleanup(s.stop)
	l := newLedger(t, s)
	var calls sync.WaitGroup
	for range 2 * fates {
		calls.Go(l.call)
	}
	calls.Wait()
	c.Restart(t)
	back := time.Now()
	l.compare(settled(t, s, url))
	s.api("POST", "/v1/routes", object{"name": "another", "match": object{"called_prefix": "4"}, "targets": []object{{"trunk": "carrier"}}}, nil)
	t.Logf("all is as it was %s after Postgres was back", time.Since(back))
}
