package workload

import "github.com/lazaret/lazaret"

// fault is one way in which an event is bad: in one place, for one reason.
type fault struct {
	kind string
	code lazaret.Code
	path string // where the reason points
	rule string // the rule that fails, for a fault that the schema does not see
	// Unless there is a tweak, raw is the JSON that stands at path in place of the right value, one of the list;
	// an empty list leaves the member out.
	raw   []string
	extra string // members that are added to the event's top level, with a leading comma
	tweak tweak
}

// tweak is a change that is made by other means than replacing one member.
type tweak int

const (
	tweakNone tweak = iota
	tweakTruncate
	tweakFreePurchase  // a purchase over nothing
	tweakWrongTotal    // a purchase whose amount is not what its items cost
	tweakWrongCurrency // a purchase in a currency that the country does not have
	tweakFraud         // a purchase over an amount that nobody spends here
	tweakLateSession   // a session that starts after the event that happened in it
)

// purchase reports whether the tweak makes the event a purchase.
func (t tweak) purchase() bool {
	return t == tweakFreePurchase || t == tweakWrongTotal || t == tweakWrongCurrency || t == tweakFraud
}

// faults returns every fault by kind. No fault of the schema's depends on a rule, and
// no fault of a rule's touches WrongRule except fraud itself, which the wrong and the
// mended rule refuse alike.
func faults() [][]fault {
	return [][]fault{
		missingFields(), wrongTypes(), wrongEnums(), badTimestamps(), brokenNesting(), businessRules(),
		{{kind: KindTruncated, code: lazaret.CodeSyntax, tweak: tweakTruncate}},
	}
}

func missingFields() []fault {
	var list []fault
	for _, path := range []string{
		"/event_id", "/user_id", "/event_type", "/timestamp", "/page_url", "/device_type", "/country_code",
		"/amount", "/session", "/session/id", "/session/page_views", "/items", "/items/0/sku", "/items/0/price", "/context",
		"/context/locale",
	} {
		list = append(list, fault{kind: KindMissingField, code: lazaret.SchemaCode("required"), path: path})
	}
	return list
}

func wrongTypes() []fault {
	wrong := func(path string, raw ...string) fault {
		return fault{kind: KindWrongType, code: lazaret.SchemaCode("type"), path: path, raw: raw}
	}
	return []fault{
		wrong("/user_id", `48213377`, `null`, `["user_48213377"]`),
		wrong("/page_url", `null`, `{"path":"/checkout","query":{}}`, `false`),
		wrong("/amount", `"12.50"`, `"n/a"`, `{"value":12.5,"currency":"EUR"}`, `true`),
		wrong("/country_code", `49`, `null`, `{"code":"DE"}`),
		wrong("/currency", `978`, `["EUR"]`),
		wrong("/session/page_views", `"3"`, `2.5`, `null`),
		wrong("/items/0/price", `"19.99"`, `"19,99 €"`, `null`),
		wrong("/items/0/quantity", `"1"`, `1.5`, `[1]`),
		wrong("/items/0/name", `null`, `{"en":"Lamp","de":"Lampe"}`, `7`),
		wrong("/context/screen/width", `"1920px"`, `1920.5`),
	}
}

func wrongEnums() []fault {
	wrong := func(keyword, path string, raw ...string) fault {
		return fault{kind: KindWrongEnum, code: lazaret.SchemaCode(keyword), path: path, raw: raw}
	}
	return []fault{
		wrong("enum", "/event_type", `"pageview"`, `"checkout"`, `"Purchase"`, `"add-to-cart"`, `"purchase "`, `""`),
		wrong("enum", "/device_type", `"phone"`, `"Desktop"`, `"smart_tv"`, `"t\u00e1blet"`, `"unknown"`),
		wrong("enum", "/context/color_scheme", `"sepia"`, `"Dark"`),
		wrong("pattern", "/country_code", `"usa"`, `"de"`, `"D"`, `"Germany"`, `"日本"`, `"🇩🇪"`, `""`),
	}
}

func badTimestamps() []fault {
	wrong := func(keyword, path string, raw ...string) fault {
		return fault{kind: KindBadTimestamp, code: lazaret.SchemaCode(keyword), path: path, raw: raw}
	}
	forms := []string{
		`"2026-13-01T08:00:00.000Z"`, `"2026-02-30T12:15:00Z"`, `"2026-01-15T25:00:00Z"`, `"2026-01-15 08:00:00"`,
		`"2026-01-15T08:00:00.000"`, `"2026-01-15"`, `"15/01/2026 08:00"`, `"1768464000000"`, `"yesterday"`, `""`,
	}
	return []fault{
		wrong("format", "/timestamp", forms...),
		wrong("type", "/timestamp", `1768464000`, `1768464000000`, `1.768464e12`, `null`),
		wrong("format", "/session/started_at", forms...),
		wrong("type", "/session/started_at", `1768464000`, `[2026,1,15,8,0,0]`),
	}
}

func brokenNesting() []fault {
	wrong := func(path string, raw ...string) fault {
		return fault{kind: KindBrokenNesting, code: lazaret.SchemaCode("type"), path: path, raw: raw}
	}
	return []fault{
		wrong("/items", `{"0":{"sku":"LMP-1044","quantity":1}}`, `"[{\"sku\":\"LMP-1044\",\"quantity\":1}]"`, `"LMP-1044,LMP-1045"`, `null`),
		wrong("/items/0", `"LMP-1044"`, `[{"sku":"LMP-1044"}]`, `null`, `1044`),
		wrong("/items/0/categories", `"home,light"`, `{"main":"home"}`, `null`),
		wrong("/session", `"s_7f3a90c2d4e15b68"`, `null`, `[{"id":"s_7f3a90c2d4e15b68"}]`, `"{\"id\":\"s_7f3a90c2d4e15b68\"}"`),
		wrong("/context", `[]`, `"[object Object]"`, `null`, `[{"locale":"en-US"}]`),
		wrong("/context/screen", `"1920x1080"`, `[1920,1080]`),
		{
			kind: KindBrokenNesting, code: lazaret.SchemaCode("required"), path: "/session",
			extra: `,"session_id":"s_7f3a90c2d4e15b68","session_started_at":"2026-01-15T08:00:00.000Z","session_page_views":3`,
		},
	}
}

func businessRules() []fault {
	// A failed rule points to the one place that its expression reads, if it is one.
	fails := func(rule, path string, t tweak) fault {
		return fault{kind: KindBusinessRule, code: lazaret.CodeRuleFailed, rule: rule, path: path, tweak: t}
	}
	return []fault{
		fails("purchase-amount-positive", "/amount", tweakFreePurchase),
		fails("purchase-total", "", tweakWrongTotal),
		fails("purchase-currency", "", tweakWrongCurrency),
		fails(WrongRule, "/amount", tweakFraud),
		fails("session-before-event", "", tweakLateSession),
	}
}
