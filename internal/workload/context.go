package workload

// context writes the event's last member, grown until the event has the size.
func (b *builder) context(size int) {
	b.open()
	if b.member("locale", "/context/locale") {
		b.quoted(b.country.locale)
	}
	if b.member("color_scheme", "/context/color_scheme") {
		b.quoted(pick(b, b.corpus.schemes))
	}
	if b.member("screen", "/context/screen") {
		b.open()
		if b.member("width", "/context/screen/width") {
			b.int(pick(b, b.corpus.widths))
		}
		b.member("height", "")
		b.int(640 + 8*b.rnd.below(100))
		b.raw("}")
	}
	const closing = 2 // the context and the event
	if size > roomy {
		b.visitor()
	}
	if room := size - len(b.buf) - closing; room > 700 {
		b.history(room * 2 / 5)
	}
	if room := size - len(b.buf) - closing; room > 700 {
		b.reviews(size - closing - 400)
	}
	b.note(size - len(b.buf) - closing)
	b.raw("}")
}

// visitor writes what is known of the person.
func (b *builder) visitor() {
	b.member("timezone", "")
	b.quoted(b.country.zone)
	b.member("consent", "")
	if b.rnd.chance(70) {
		b.raw(`{"analytics":true,"ads":true,"version":"2.1"}`)
	} else {
		b.raw(`{"analytics":true,"ads":false,"version":"2.1"}`)
	}
	b.member("experiments", "")
	b.raw(`{"checkout_v3":"`)
	b.buf = append(b.buf, "abc"[b.rnd.below(3)])
	b.raw(`","ranking":"`)
	b.buf = append(b.buf, "ab"[b.rnd.below(2)])
	b.raw(`","free_shipping_bar":`)
	b.raw([]string{"true", "false", "null"}[b.rnd.below(3)])
	b.raw("}")
}

// history writes the pages seen before, in about that many bytes.
func (b *builder) history(room int) {
	b.member("history", "")
	end := len(b.buf) + room
	b.raw("[")
	for len(b.buf) < end {
		b.raw(`{"path":"`)
		b.raw(pick(b, b.corpus.paths))
		b.raw(`","ms_before":`)
		b.int(b.rnd.below(1_800_000))
		b.raw(`,"scroll":0.`)
		b.int(1 + b.rnd.below(99))
		b.raw(`,"load":1.`)
		b.int(b.rnd.below(1000))
		b.raw(`e-1,"clicks":[`)
		for i := b.rnd.below(5); i > 0; i-- {
			b.int(b.rnd.below(2000) - 200)
			b.raw(",")
		}
		b.int(b.rnd.below(900))
		b.raw("]},")
	}
	b.buf[len(b.buf)-1] = ']'
}

// reviews writes what others wrote about the product, until the buffer is near end.
func (b *builder) reviews(end int) {
	b.member("reviews", "")
	b.raw("[")
	for {
		b.raw(`{"author":"`)
		b.raw(pick(b, b.corpus.authors))
		b.raw(`","stars":`)
		b.int(1 + b.rnd.below(5))
		b.raw(`,"helpful":`)
		b.int(b.rnd.below(300))
		b.raw(`,"text":"`)
		b.text(min(80+b.rnd.below(320), max(end-len(b.buf), 40)))
		b.raw(`"},`)
		if len(b.buf) >= end {
			break
		}
	}
	b.buf[len(b.buf)-1] = ']'
}

// note writes a member of free text that takes room bytes in all, if it fits.
func (b *builder) note(room int) {
	const around = len(`,"note":""`)
	if room < around {
		return
	}
	b.member("note", "")
	b.raw(`"`)
	b.text(room - around)
	b.raw(`"`)
}

// text writes n bytes of text in many scripts, escaped for JSON.
func (b *builder) text(n int) {
	end := len(b.buf) + n
	for {
		left := end - len(b.buf)
		s := pick(b, b.corpus.texts)
		if len(s) > left {
			if s = pick(b, b.corpus.words); len(s) > left {
				break
			}
		}
		b.raw(s)
	}
	for len(b.buf) < end {
		b.buf = append(b.buf, '.')
	}
}
