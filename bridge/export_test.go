package bridge

// Taken returns how many places calls take on each trunk that has any.
func (b *Bridge) Taken() map[string]int {
	b.limits.mu.Lock()
	defer b.limits.mu.Unlock()
	taken := map[string]int{}
	for name, l := range b.limits.trunks {
		if l.calls != 0 {
			taken[name] = l.calls
		}
	}
	return taken
}
