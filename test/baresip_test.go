package test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A phone is a real telephone: baresip, headless, with a tone for a voice and a
// recording of what it hears.
type phone struct {
	t    *testing.T
	dir  string
	ctrl string // host:port of its control socket
	conn net.Conn
}

const sampleRate = 8000

// baresip starts a telephone. All telephones are on 127.0.0.1, because baresip
// lets the kernel choose the source address of its RTP, and on loopback that is
// what it chooses: a relay that minds where audio comes from needs the truth.
func baresip(t *testing.T, user string, port int, hz float64, account string) *phone {
	t.Helper()
	dir := t.TempDir()
	p := &phone{t: t, dir: dir, ctrl: fmt.Sprintf("127.0.0.1:%d", port+100)}
	wave(t, filepath.Join(dir, "tone.wav"), hz)
	modules, err := filepath.Glob("/usr/lib/*/baresip/modules")
	if err != nil || len(modules) == 0 {
		modules = []string{"/usr/lib/baresip/modules"}
	}
	files := map[string]string{
		"accounts": fmt.Sprintf("<sip:%s@127.0.0.1:%d>;regint=0;audio_codecs=pcmu,pcma;ptime=20;%s\n", user, port, account),
		"contacts": "",
		"config": fmt.Sprintf(`poll_method epoll
sip_listen 127.0.0.1:%[1]d
call_local_timeout 120
call_max_calls 4
audio_source aufile,%[2]s/tone.wav
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
rtp_ports %[4]d-%[5]d
rtcp_mux no
net_interface 127.0.0.1
module_path %[3]s
module g711.so
module aufile.so
module sndfile.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen %[6]s
snd_path %[2]s
`, port, dir, modules[0], port+1000, port+1098, p.ctrl),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("baresip", "-f", dir)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			text, _, _ := strings.Cut(out.String(), "\r") // without the meter
			t.Logf("%s:\n%s", user, text)
		}
	})
	p.connect()
	return p
}

// connect waits until the telephone is on.
func (p *phone) connect() {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := net.Dial("tcp", p.ctrl)
		if err == nil {
			p.conn = conn
			p.t.Cleanup(func() { _ = conn.Close() })
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("baresip does not start: %v", err)
		}
		<-tick.C
	}
}

// command sends one command in a netstring.
func (p *phone) command(name, params string) {
	p.t.Helper()
	raw, err := json.Marshal(map[string]string{"command": name, "params": params})
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(p.conn, "%d:%s,", len(raw), raw); err != nil {
		p.t.Fatal(err)
	}
}

// until reads the telephone's events until one names what.
func (p *phone) until(what string) {
	p.t.Helper()
	if err := p.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		p.t.Fatal(err)
	}
	var seen bytes.Buffer
	buf := make([]byte, 4096)
	for !strings.Contains(seen.String(), what) {
		n, err := p.conn.Read(buf)
		if err != nil {
			p.t.Fatalf("no %s from baresip: %v\n%s", what, err, seen.String())
		}
		seen.Write(buf[:n])
	}
}

// heard is what the telephone received, decoded.
func (p *phone) heard() []int16 {
	p.t.Helper()
	files, err := filepath.Glob(filepath.Join(p.dir, "dump-*-dec.wav"))
	if err != nil || len(files) != 1 {
		p.t.Fatalf("recordings %v %v", files, err)
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		p.t.Fatal(err)
	}
	_, data, ok := bytes.Cut(raw, []byte("data"))
	if !ok || len(data) < 4 {
		p.t.Fatalf("%s has no samples", files[0])
	}
	data = data[4:]
	out := make([]int16, len(data)/2)
	for i := range out {
		out[i] = int16(binary.LittleEndian.Uint16(data[2*i:]))
	}
	return out
}

// wave writes a minute of a tone as 8 kHz mono.
func wave(t *testing.T, file string, hz float64) {
	t.Helper()
	const seconds = 60
	var b bytes.Buffer
	b.WriteString("RIFF")
	n := uint32(seconds * sampleRate * 2)
	for _, v := range []any{
		36 + n, []byte("WAVEfmt "), uint32(16), uint16(1), uint16(1), uint32(sampleRate), uint32(sampleRate * 2), uint16(2), uint16(16), []byte("data"), n,
	} {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	for i := range seconds * sampleRate {
		v := int16(8000 * math.Sin(2*math.Pi*hz*float64(i)/sampleRate))
		b.Write(binary.LittleEndian.AppendUint16(nil, uint16(v)))
	}
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// amplitude is that of one frequency, halved as a correlation has it.
func amplitude(samples []int16, hz float64) float64 {
	var re, im float64
	for i, x := range samples {
		sin, cos := math.Sincos(2 * math.Pi * hz * float64(i) / sampleRate)
		re += float64(x) * cos
		im += float64(x) * sin
	}
	return math.Hypot(re, im) / float64(max(1, len(samples)))
}

// checkTone wants one tone in a recording and not the other.
func checkTone(t *testing.T, who string, samples []int16, wanted, other float64) {
	t.Helper()
	if len(samples) < 2*sampleRate {
		t.Errorf("%s recorded %d samples", who, len(samples))
		return
	}
	samples = samples[sampleRate/2:]
	w, o := amplitude(samples, wanted), amplitude(samples, other)
	t.Logf("%s heard %.1f s: %v Hz at %.0f, %v Hz at %.0f", who, float64(len(samples))/sampleRate, wanted, w, other, o)
	if w < 1000 || o*50 > w {
		t.Errorf("%s did not hear %v Hz alone", who, wanted)
	}
}

// TestTelephones is the main job: two real telephones talk through the server.
func TestTelephones(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	s.routeFrom("127.0.0.1", nil, "127.0.0.1:15072")
	bob := baresip(t, "bob", 15072, 1000, "answermode=auto")
	alice := baresip(t, "alice", 17070, 440, fmt.Sprintf(`answermode=manual;outbound="sip:%s:5060;lr"`, s.ip(1)))

	alice.command("dial", "sip:bob@"+s.ip(1))
	alice.until("CALL_ESTABLISHED")
	s.await("RTP packets relayed", 1, func() float64 {
		var list struct {
			Items []struct {
				Media struct {
					Streams []struct{ Packets int }
				}
			}
		}
		s.api("GET", "/v1/calls", nil, &list)
		if len(list.Items) != 1 || len(list.Items[0].Media.Streams) != 2 {
			return 0
		}
		for _, st := range list.Items[0].Media.Streams {
			if st.Packets < 150 { // three seconds
				return 0
			}
		}
		return 1
	})
	alice.command("hangup", "")
	bob.until("CALL_CLOSED")

	r := s.cdrs(1)[0]
	if r.EndReason == nil || *r.EndReason != "completed" || *r.HungUpBy != "caller" || r.Called != "bob" || r.Media == nil {
		t.Errorf("record %+v", r)
	}
	checkTone(t, "alice", alice.heard(), 1000, 440)
	checkTone(t, "bob", bob.heard(), 440, 1000)
}
