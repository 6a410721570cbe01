package main

// A room is a package and its machines.
type room struct {
	path, about string
	machines    []machine
}

type machine struct {
	name   string
	states []string // the first is where it starts
	edges  []edge
}

type edge struct{ From, Input, To, Actions string }

// shape is what every package's Machine looks like, whatever its name. The type is
// the package's own, so that no room has to import another for it.
type shape[E any] = struct {
	Name   string
	States []string
	Edges  []E
}

// describe takes what a package's Machines function returns.
func describe[M ~struct {
	Name   string
	States []string
	Edges  []E
}, E ~struct{ From, Input, To, Actions string }](path, about string, machines []M) room {
	r := room{path: path, about: about}
	for _, theirs := range machines {
		plain := shape[E](theirs)
		m := machine{name: plain.Name, states: plain.States}
		for _, e := range plain.Edges {
			m.edges = append(m.edges, edge(e))
		}
		r.machines = append(r.machines, m)
	}
	return r
}
