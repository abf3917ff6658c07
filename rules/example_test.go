package rules_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/rules"
)

// A rule set is read, compiled, and judges events.
func Example() {
	set, err := rules.Parse("orders.yaml", []byte(`
rules:
  - id: amount-limit
    expr: event.amount <= 400
    message: amounts over 400 need a second look
  - id: has-items
    when: event.type == "purchase"
    expr: len(event.items) > 0
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	program, err := rules.Compile(set)
	if err != nil {
		fmt.Println(err)
		return
	}
	contract, err := rules.NewContract(rules.ContractConfig{Stream: "orders", Rules: program, ID: "/id"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, data := range []string{
		`{"id":"a","type":"purchase","amount":12,"items":[1]}`,
		`{"id":"b","type":"purchase","amount":999,"items":[]}`,
		`{"id":"c","type":"refund"}`,
	} {
		v, err := contract.Judge(context.Background(), &lazaret.Event{Data: []byte(data)})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(v.ID, v.Status)
		for _, r := range v.Reasons {
			fmt.Printf("  %s %s %q %s\n", r.Code, r.Rule, r.Path, r.Message)
		}
	}
	// Output:
	// a accepted
	// b quarantined
	//   rule.failed amount-limit "/amount" amounts over 400 need a second look
	//   rule.failed has-items "/items" rule has-items failed
	// c quarantined
	//   rule.error amount-limit "/amount" rule amount-limit could not be evaluated: event.amount is missing or null (expr 1:14)
}

// A rule that cannot be right is refused with its place.
func ExampleCompile() {
	set, err := rules.Parse("orders.yaml", []byte("rules:\n- id: amount-limit\n  expr: evnt.amount <= 400\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = rules.Compile(set)
	var wrong *rules.CompileError
	if errors.As(err, &wrong) {
		fmt.Println(wrong)
		fmt.Println(wrong.Snippet)
	}
	// Output:
	// orders.yaml:3:9: rule "amount-limit", expr 1:1: unknown name evnt; did you mean "event"?
	// evnt.amount <= 400
	// ^
}
