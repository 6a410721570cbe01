package siptest

import "strings"

// Datagrams returns every message the peer has heard so far as it came, each
// text once, in no particular order.
func (p *Peer) Datagrams() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]string, 0, len(p.known))
	for raw := range p.known {
		if !strings.HasPrefix(raw, marker) {
			list = append(list, raw)
		}
	}
	return list
}
