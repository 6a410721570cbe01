package api

import (
	"errors"
	"fmt"
	"strings"

	"b2bua/cdr"
	"b2bua/policy"
)

// serviceProblem maps the errors that services document; nil for any other.
func serviceProblem(err error) *Problem {
	if faults, ok := errors.AsType[*policy.FaultError](err); ok {
		return faultProblem(CodeInvalidPolicy, faults.Faults, inPolicy)
	}
	if bad, ok := errors.AsType[*cdr.QueryError](err); ok {
		p := newProblem(CodeInvalidRequest, "query.%s: %s", bad.Field, bad.Message)
		p.Errors = []FieldError{{Location: "query." + bad.Field, Message: bad.Message}}
		return p
	}
	switch {
	case errors.Is(err, policy.ErrNotFound), errors.Is(err, cdr.ErrNotFound):
		return newProblem(CodeNotFound, "%s", sentence(err))
	case errors.Is(err, policy.ErrConflict):
		return newProblem(CodeConflict, "%s", sentence(err))
	}
	return nil
}

// sentence is an error's text without the package it comes from and the word
// that its code says already.
func sentence(err error) string {
	text := err.Error()
	for _, prefix := range []string{"policy: ", "store: ", "cdr: ", "conflict: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return text
}

// located says where in the body the faults of one object stand: the one of
// that kind and name, as the body has them. A fault of another object, which
// the change would break, is located in the policy.
func located(err error, kind, name string) error {
	faults, ok := errors.AsType[*policy.FaultError](err)
	if !ok {
		return err
	}
	return faultProblem(CodeInvalidPolicy, faults.Faults, func(f policy.Fault) string {
		if f.Object == kind && f.Name == name {
			return strings.TrimSuffix("body."+f.Field, ".")
		}
		return inPolicy(f)
	})
}

// places says where in a policy document the faults of its objects stand.
func places(set policy.Set) func(policy.Fault) string {
	where := map[string]string{} // by kind and name; the first of two of one name
	add := func(kind string, i int, name string) {
		if _, taken := where[kind+" "+name]; !taken {
			where[kind+" "+name] = fmt.Sprintf("body.%ss[%d]", kind, i)
		}
	}
	for i := range set.Accounts {
		add("account", i, set.Accounts[i].Name)
	}
	for i := range set.Trunks {
		add("trunk", i, set.Trunks[i].Name)
	}
	for i := range set.Routes {
		add("route", i, set.Routes[i].Name)
	}
	return func(f policy.Fault) string {
		at, ok := where[f.Object+" "+f.Name]
		if !ok {
			return inPolicy(f)
		}
		return strings.TrimSuffix(at+"."+f.Field, ".")
	}
}

// inPolicy names a place in the stored policy: policy.trunks[pbx].sources[0].
func inPolicy(f policy.Fault) string {
	at := "policy"
	if f.Name != "" {
		at = fmt.Sprintf("policy.%ss[%s]", f.Object, f.Name)
	}
	return strings.TrimSuffix(at+"."+f.Field, ".")
}

// maxFaults bounds what is told of a document that is wrong everywhere.
const maxFaults = 100

func faultProblem(code Code, faults []policy.Fault, where func(policy.Fault) string) *Problem {
	p := newProblem(code, "there are %d faults, see errors", len(faults))
	if len(faults) == 1 {
		p.Detail = faults[0].String()
	}
	for i, f := range faults {
		if i == maxFaults {
			break
		}
		p.Errors = append(p.Errors, FieldError{Location: where(f), Message: f.Message, Value: f.Value})
	}
	return p
}

// inDocument names the place of a fault in a document that could not be
// decoded, where objects are known by what they call themselves.
func inDocument(f policy.Fault) string {
	return "body" + strings.TrimPrefix(inPolicy(f), "policy")
}
