package workload

import (
	"strconv"
	"time"
)

// maxItems is how many items an event has at most; the schema allows 100.
const maxItems = 12

// roomy is the size in bytes above which an event has all members there are.
const roomy = 1400

// timeForm is how every time is written: RFC 3339 in UTC with milliseconds.
const timeForm = "2006-01-02T15:04:05.000Z07:00"

// builder writes one event after the other into one buffer.
type builder struct {
	rnd    dice
	corpus *corpus
	buf    []byte
	id     [36]byte
	fault  fault
	first  bool // no member has been written yet in the object that is open

	// What the event is about, decided before it is written.
	kind    string // the event_type
	country country
	amount  int // hundredths, of a purchase
	items   [maxItems]item
	nItems  int
	product string // of the item that the page shows
}

type item struct {
	product *product
	price   int // hundredths
	qty     int
}

// build writes an event of about size bytes that happens at clock (milliseconds)
// and has the fault, and reports whether the wrong rule refuses it although it is good.
func (b *builder) build(size int, clock int64, f fault) (victim bool) {
	size += size * (b.rnd.below(301) - 150) / 10_000 // within 1.5%
	b.buf, b.fault = b.buf[:0], f
	b.plan(size)
	b.open()
	b.newID()
	if b.member("event_id", "/event_id") {
		b.str(b.id[:])
	}
	if b.member("user_id", "/user_id") {
		b.raw(`"user_`)
		b.buf = strconv.AppendInt(b.buf, int64(10_000_000+b.rnd.below(89_999_999)), 10)
		b.raw(`"`)
	}
	if b.member("event_type", "/event_type") {
		b.quoted(b.kind)
	}
	if b.member("timestamp", "/timestamp") {
		b.time(clock)
	}
	b.page(size)
	if b.member("device_type", "/device_type") {
		b.quoted(pick(b, b.corpus.devices))
	}
	if b.member("country_code", "/country_code") {
		b.quoted(b.country.code)
	}
	b.payment()
	if b.member("session", "/session") {
		b.session(size, clock)
	}
	if b.member("items", "/items") {
		b.itemList()
	}
	b.raw(f.extra)
	if b.member("context", "/context") {
		b.context(size)
	} else {
		b.note(size - len(b.buf) - len("}")) // the fault took away what else grows
	}
	b.raw("}")
	return b.kind == "purchase" && b.amount > wrongLimit && b.amount <= mendedLimit
}

// plan decides what the event is about.
func (b *builder) plan(size int) {
	b.kind = pick(b, b.corpus.eventTypes)
	b.country = pick(b, b.corpus.countries)
	if b.fault.tweak.purchase() {
		b.kind = "purchase"
	}
	b.nItems = 1
	if room := min(size/1200, maxItems-1); room > 0 {
		b.nItems += b.rnd.below(room + 1)
	}
	for i := range b.nItems {
		p := &b.corpus.products[b.rnd.below(len(b.corpus.products))]
		b.items[i] = item{product: p, price: p.price, qty: 1}
	}
	b.amount = 0
	if b.kind == "purchase" {
		b.planPurchase()
	}
	b.product = b.items[0].product.sku
}

// planPurchase decides the amount, and prices that sum up to it.
func (b *builder) planPurchase() {
	switch {
	case b.fault.tweak == tweakFreePurchase:
		b.nItems, b.items[0].price = 1, 0
		return
	case b.fault.tweak == tweakFraud:
		b.amount = mendedLimit + 1 + b.rnd.below(4*mendedLimit)
	case b.fault.kind == "" && b.rnd.chance(44):
		b.amount = wrongLimit + 1 + b.rnd.below(2000_00-wrongLimit)
	default:
		b.amount = 9_00 + b.rnd.below(wrongLimit-30_00)
	}
	left := b.amount
	for i := range b.nItems {
		it := &b.items[i]
		if i == b.nItems-1 || left < 2_00 {
			it.price, b.nItems = left, i+1
			break
		}
		it.qty = 1 + b.rnd.below(3)
		it.price = 1 + b.rnd.below(left/(2*it.qty))
		left -= it.price * it.qty
	}
	if b.fault.tweak == tweakWrongTotal {
		b.amount += 1 + b.rnd.below(20_00) // 9 + 370 + 20 stays under the wrong rule's 400
	}
}

func (b *builder) page(size int) {
	if b.member("page_url", "/page_url") {
		b.raw(`"https://shop.example`)
		switch b.kind {
		case "search":
			b.raw("/search?q=")
			b.raw(pick(b, b.corpus.queries))
			b.raw("&")
		case "purchase":
			b.raw("/checkout/done?")
		default:
			b.raw("/p/")
			b.raw(b.product)
			b.raw("?")
		}
		b.raw("utm_source=")
		b.raw(pick(b, b.corpus.sources))
		b.raw("&utm_medium=")
		b.raw(pick(b, b.corpus.mediums))
		b.raw("&utm_campaign=")
		b.raw(pick(b, b.corpus.campaigns))
		if size > roomy {
			b.raw("&utm_content=hero%20banner&utm_term=")
			b.raw(pick(b, b.corpus.queries))
		}
		b.raw(`"`)
	}
	if b.member("referrer_url", "/referrer_url") {
		if b.rnd.chance(30) {
			b.raw("null")
		} else {
			b.quoted(pick(b, b.corpus.referrers))
		}
	}
}

// payment writes amount and currency: of a purchase, and null for all else.
func (b *builder) payment() {
	purchase := b.kind == "purchase"
	if b.member("amount", "/amount") {
		if purchase {
			b.money(b.amount)
		} else {
			b.raw("null")
		}
	}
	if b.member("currency", "/currency") {
		switch {
		case !purchase:
			b.raw("null")
		case b.fault.tweak == tweakWrongCurrency:
			b.quoted(b.country.foreign)
		default:
			b.quoted(b.country.currency)
		}
	}
}

func (b *builder) session(size int, clock int64) {
	b.open()
	if b.member("id", "/session/id") {
		b.raw(`"s_`)
		b.hex(b.rnd.src.Uint64(), 16)
		b.raw(`"`)
	}
	if b.member("started_at", "/session/started_at") {
		if b.fault.tweak == tweakLateSession {
			b.time(clock + int64(1+b.rnd.below(3_600_000)))
		} else {
			b.time(clock - int64(b.rnd.below(1_800_000)))
		}
	}
	if b.member("page_views", "/session/page_views") {
		b.int(1 + b.rnd.below(40))
	}
	if b.member("ip", "") {
		b.raw(`"203.0.113.`)
		b.int(b.rnd.below(256))
		b.raw(`"`)
	}
	if size > roomy {
		b.member("new_visitor", "")
		b.raw(strconv.FormatBool(b.rnd.chance(35)))
		b.member("user_agent", "")
		b.quoted(pick(b, b.corpus.agents))
	}
	b.raw("}")
}

func (b *builder) itemList() {
	b.raw("[")
	for i := range b.nItems {
		if i > 0 {
			b.raw(",")
			b.item(&b.items[i], func(string) string { return "" })
		} else if b.replaced("/items/0") {
			b.raw(b.fault.raw[b.rnd.below(len(b.fault.raw))])
		} else {
			b.item(&b.items[i], func(name string) string { return "/items/0/" + name })
		}
	}
	b.raw("]")
}

// item writes one item; pointer makes the pointer to a member of it.
func (b *builder) item(it *item, pointer func(string) string) {
	b.open()
	if b.member("sku", pointer("sku")) {
		b.quoted(it.product.sku)
	}
	if b.member("name", pointer("name")) {
		b.quoted(it.product.name)
	}
	if b.member("price", pointer("price")) {
		b.money(it.price)
	}
	if b.member("quantity", pointer("quantity")) {
		b.int(it.qty)
	}
	if b.member("categories", pointer("categories")) {
		b.raw(it.product.categories)
	}
	b.raw("}")
}

// open begins an object.
func (b *builder) open() {
	b.raw("{")
	b.first = true
}

// member begins a member that is at the pointer, and reports whether the caller is
// to write its value: not where the fault leaves it out or puts another value there.
func (b *builder) member(name, pointer string) bool {
	replace := pointer != "" && b.replaced(pointer)
	if replace && len(b.fault.raw) == 0 {
		return false
	}
	if !b.first {
		b.buf = append(b.buf, ',')
	}
	b.first = false
	b.buf = append(b.buf, '"')
	b.buf = append(b.buf, name...)
	b.buf = append(b.buf, '"', ':')
	if replace {
		b.raw(b.fault.raw[b.rnd.below(len(b.fault.raw))])
	}
	return !replace
}

// replaced reports whether the fault is that the member at the pointer is not right.
func (b *builder) replaced(pointer string) bool {
	return b.fault.path == pointer && b.fault.tweak == tweakNone
}

func (b *builder) raw(s string)  { b.buf = append(b.buf, s...) }
func (b *builder) int(n int)     { b.buf = strconv.AppendInt(b.buf, int64(n), 10) }
func (b *builder) str(s []byte)  { b.buf = append(append(append(b.buf, '"'), s...), '"') }
func (b *builder) time(ms int64) { b.quotedTime(time.UnixMilli(ms).UTC()) }
func (b *builder) quoted(s string) {
	b.buf = append(append(append(b.buf, '"'), s...), '"')
}

func (b *builder) quotedTime(t time.Time) {
	b.buf = append(b.buf, '"')
	b.buf = t.AppendFormat(b.buf, timeForm)
	b.buf = append(b.buf, '"')
}

// money writes hundredths as a number: 12.34, 12.50 and, half of the time, 12 for 12.00.
func (b *builder) money(n int) {
	b.int(n / 100)
	if cents := n % 100; cents != 0 || b.rnd.chance(50) {
		b.buf = append(b.buf, '.', byte('0'+cents/10), byte('0'+cents%10))
	}
}

const hexDigits = "0123456789abcdef"

// hex writes the last digits of n in hexadecimal.
func (b *builder) hex(n uint64, digits int) {
	for i := digits - 1; i >= 0; i-- {
		b.buf = append(b.buf, hexDigits[n>>(4*i)&15])
	}
}

// newID makes a version 4 UUID.
func (b *builder) newID() {
	hi, lo := b.rnd.src.Uint64(), b.rnd.src.Uint64()
	hi = hi&^0xf000 | 0x4000         // version 4
	lo = lo&^(3<<62) | uint64(2)<<62 // variant 10
	at := 0
	for i := range 32 {
		if i == 8 || i == 12 || i == 16 || i == 20 {
			b.id[at] = '-'
			at++
		}
		n := hi
		if i >= 16 {
			n = lo
		}
		b.id[at] = hexDigits[n>>(60-4*(i%16))&15]
		at++
	}
}

// pick returns one of the list.
func pick[T any](b *builder, list []T) T { return list[b.rnd.below(len(list))] }
