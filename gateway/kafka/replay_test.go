package kafka

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"testing"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway/replay"
)

// An account fits into an offset's metadata, if need be without its codes.
func TestAccountText(t *testing.T) {
	reasons := make([][]lazaret.Reason, 1)
	for _, c := range lazaret.Codes() {
		reasons[0] = append(reasons[0], lazaret.Reason{Code: c.Code})
	}
	some := replay.Account{}.Add(5, 1, reasons)
	many := replay.Account{Events: math.MaxInt64, Accepted: math.MaxInt64, ByCode: map[lazaret.Code]int64{}}
	for _, c := range lazaret.Codes() {
		many.ByCode[c.Code] = math.MaxInt64
	}
	huge := replay.Account{Events: 1, ByCode: map[lazaret.Code]int64{}}
	for i := range 300 {
		huge.ByCode[lazaret.Code(fmt.Sprintf("more.codes%03d", i))] = 1
	}
	for _, test := range []struct {
		a     replay.Account
		codes bool
	}{{some, true}, {many, true}, {huge, false}, {replay.Account{Events: 1}, false}} {
		text := accountText(test.a)
		var back replay.Account
		if err := json.Unmarshal([]byte(text), &back); err != nil || len(text) > maxMetadata {
			t.Fatalf("%d bytes: %v", len(text), err)
		}
		if (back.ByCode != nil) != test.codes {
			t.Errorf("%d codes came back", len(back.ByCode))
		}
		back.ByCode = test.a.ByCode
		if !reflect.DeepEqual(back, test.a) {
			t.Errorf("%+v came back as %+v", test.a, back)
		}
	}
}
