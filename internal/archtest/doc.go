// Package archtest is the architecture as tests: who may import whom, how
// large a file or a function may grow, which names and words are not used, and
// how metrics are called. What they refuse, they explain.
package archtest
