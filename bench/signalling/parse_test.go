package main

import (
	"slices"
	"strings"
	"testing"
)

func TestParseSIPpStat(t *testing.T) {
	t.Parallel()
	const text = `StartTime;TotalCallCreated;SuccessfulCall(P);SuccessfulCall(C);FailedCall(C);Retransmissions(C);
a;10;5;5;0;1;
b;20;5;17;3;4;
`
	got, err := parseSIPpStat(text)
	if want := (sippStat{created: 20, ok: 17, failed: 3, retransmitted: 4}); got != want || err != nil {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	for _, bad := range []string{
		"", "TotalCallCreated;SuccessfulCall(C);FailedCall(C);Retransmissions(C);\n",
		strings.ReplaceAll(text, "FailedCall(C)", "FailedCall"), strings.ReplaceAll(text, ";3;", ";x;"), text + "c;30\n",
	} {
		if got, err := parseSIPpStat(bad); err == nil {
			t.Errorf("%q gave %+v", bad, got)
		}
	}
}

const kamailioStats = `core:drop_replies = 1
core:drop_requests = 2
dialog:active_dialogs = 3
dialog:early_dialogs = 4
dialog:expired_dialogs = 5
dialog:failed_dialogs = 6
dialog:processed_dialogs = 100
tmx:2xx_transactions = 90
tmx:3xx_transactions = 0
tmx:4xx_transactions = 7
tmx:5xx_transactions = 8
tmx:6xx_transactions = 0
`

func TestParseKamailio(t *testing.T) {
	t.Parallel()
	got, err := parseKamailio(kamailioStats)
	if want := (figures{calls: 100, live: 7, failed: 26, dropped: 3}); got != want || err != nil {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	if _, err := parseKamailio(strings.ReplaceAll(kamailioStats, "dialog:failed", "dialog:other")); err == nil || !strings.Contains(err.Error(), "failed_dialogs") {
		t.Errorf("without a counter: %v", err)
	}
	if _, err := parseKamailio("a = b\n"); err == nil {
		t.Error("a word was a number")
	}
}

func TestParseOptions(t *testing.T) {
	t.Parallel()
	o, err := parse([]string{"-only", "rss,cpu", "-quick", "-json", "x"})
	if err != nil || !slices.Equal(o.parts, []string{"rss", "cpu"}) || !o.quick || o.json != "x" || o.binary != "bin/b2bua" {
		t.Errorf("%+v, %v", o, err)
	}
	if o, err := parse(nil); err != nil || !slices.Equal(o.parts, parts) || o.quick {
		t.Errorf("without flags: %+v, %v", o, err)
	}
	if o, err := parse([]string{"-check"}); err != nil || !o.check || len(o.parts) != 0 {
		t.Errorf("a check: %+v, %v", o, err)
	}
	for _, bad := range [][]string{{"-only", "memory"}, {"-only", ""}, {"cpu"}, {"-fast"}} {
		if o, err := parse(bad); err == nil {
			t.Errorf("%v gave %+v", bad, o)
		}
	}
}
