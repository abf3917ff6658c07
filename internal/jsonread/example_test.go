package jsonread_test

import (
	"fmt"

	"github.com/lazaret/lazaret/internal/jsonread"
)

func ExampleElements() {
	body := []byte(`[{"id":1}, {"id":1,"id":2}, {"id":`)
	events := jsonread.Elements(body, jsonread.DefaultLimits)
	for {
		event, ok := events.Next()
		if !ok {
			break
		}
		if err := jsonread.Check(event, jsonread.DefaultLimits); err != nil {
			fmt.Println("bad: ", err.Code, err.Path)
			continue
		}
		fmt.Printf("good: %s\n", event)
	}
	fmt.Println(events.Err())
	fmt.Printf("rest: %s\n", events.Rest())
	// Output:
	// good: {"id":1}
	// bad:  json.duplicate_key /id
	// line 1, column 35: the text ends too early; expected the bracket that closes the innermost open array or object
	// rest: {"id":
}
