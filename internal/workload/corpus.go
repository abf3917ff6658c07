package workload

// corpus is what the events are put together from. All strings are written as they
// stand between the quotes of a JSON string, escapes included.
type corpus struct {
	eventTypes []string // as often as they occur
	devices    []string
	countries  []country
	products   []product
	queries    []string // percent-encoded
	sources    []string
	mediums    []string
	campaigns  []string
	referrers  []string
	agents     []string
	schemes    []string
	widths     []int
	paths      []string
	authors    []string
	words      []string // with the space after them
	texts      []string
}

// country is where a visitor is; foreign is a currency that is not the country's.
type country struct{ code, currency, foreign, locale, zone string }

type product struct {
	sku, name  string
	categories string // a JSON array
	price      int    // hundredths
}

func newCorpus() *corpus {
	c := &corpus{
		devices:   []string{"desktop", "desktop", "mobile", "mobile", "mobile", "tablet"},
		countries: countries(),
		products:  products(),
		queries:   []string{"desk%20lamp", "l%C3%A4mpchen", "%E9%9B%BB%E7%90%83", "running+shoes", "caf%C3%A9", "usb-c", "%D1%87%D0%B0%D0%B9"},
		sources:   []string{"google", "newsletter", "instagram", "bing", "partner-07", "tiktok"},
		mediums:   []string{"cpc", "email", "social", "organic", "affiliate"},
		campaigns: []string{"winter_sale", "new-year_2026", "brand", "retarget_30d", "f%C3%AAte", "launch"},
		referrers: []string{
			"https://www.google.com/", "https://shop.example/", "https://mail.example.net/inbox?id=44",
			"https://blog.example.org/lamps/#top", "https://m.example.com/r?u=https%3A%2F%2Fshop.example",
		},
		agents: []string{
			"Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0",
			"Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.1 Mobile/15E148 Safari/604.1",
			"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36",
		},
		schemes: []string{"light", "light", "dark", "no-preference"},
		widths:  []int{360, 390, 412, 768, 1280, 1440, 1920, 2560},
		paths:   []string{"/", "/c/lamps", "/c/shoes", "/p/LMP-1044", "/p/TEA-0207", "/cart", "/c/m\u00f6bel", "/search", "/help/returns"},
		authors: []string{"Ana P.", "Jörg", "李雷", "Ольга", "Zo\\u00eb", "د. سامي", "R. \\\"Bob\\\" K.", "प्रिया", "Søren 🚲"},
		words:   []string{"a ", "and ", "the ", "é ", "lamp ", "日 ", "да ", "very ", "\\n", "\\t", "\\u00e9t\\u00e9 ", "🙂 "},
		texts:   texts(),
	}
	for _, share := range []struct {
		name  string
		times int
	}{{"page_view", 50}, {"click", 20}, {"add_to_cart", 10}, {"search", 8}, {"purchase", 12}} {
		for range share.times {
			c.eventTypes = append(c.eventTypes, share.name)
		}
	}
	return c
}

func countries() []country {
	return []country{
		{"US", "USD", "EUR", "en-US", "America/New_York"},
		{"GB", "GBP", "EUR", "en-GB", "Europe/London"},
		{"DE", "EUR", "USD", "de-DE", "Europe/Berlin"},
		{"FR", "EUR", "GBP", "fr-FR", "Europe/Paris"},
		{"ES", "EUR", "MXN", "es-ES", "Europe/Madrid"},
		{"PL", "PLN", "EUR", "pl-PL", "Europe/Warsaw"},
		{"SE", "SEK", "EUR", "sv-SE", "Europe/Stockholm"},
		{"IN", "INR", "USD", "hi-IN", "Asia/Kolkata"},
		{"BR", "BRL", "USD", "pt-BR", "America/Sao_Paulo"},
		{"MX", "MXN", "USD", "es-MX", "America/Mexico_City"},
	}
}

func products() []product {
	return []product{
		{"LMP-1044", "Desk lamp \\\"Nord\\\" 40\\u00b0", `["home","light"]`, 49_90},
		{"SHO-2210", "Laufschuh Größe 42½", `["sport","shoes","running"]`, 119_00},
		{"TEA-0207", "緑茶 100g", `["food"]`, 12_50},
		{"BIK-7731", "Vélo pliant", `["sport"]`, 389_00},
		{"USB-0009", "USB-C cable 2\\u202fm", `["electronics","cables"]`, 8_99},
		{"MUG-3301", "Кружка \\/ чашка", `["home","kitchen"]`, 14_00},
		{"BAG-5120", "حقيبة ظهر", `["travel"]`, 79_95},
		{"TOY-6402", "\\ud83e\\udd96 Dino puzzle", `["toys","kids"]`, 19_99},
		{"SAR-8815", "साड़ी", `["fashion"]`, 99_00},
		{"PLT-4478", "Ficus 🌿 C:\\\\garden", `[]`, 34_49},
	}
}

func texts() []string {
	return []string{
		"Delivered in two days, well packed, and it does what it says. ",
		"The colour is a little darker than in the picture, but I kept it all the same. ",
		"She said \\\"never again\\\" and then bought two more of them for the office. ",
		"Schöne Verarbeitung, die Größe fällt eher klein aus; für 40 € völlig in Ordnung. ",
		"Tr\\u00e8s bon rapport qualit\\u00e9-prix, je le recommande \\u00e0 tout le monde. ",
		"とても使いやすいです。色もきれいで、配送も早かったです。",
		"Доставка быстрая, качество отличное, спасибо продавцу! ",
		"المنتج ممتاز والتوصيل سريع، أنصح به للجميع. ",
		"बहुत अच्छा उत्पाद है, समय पर मिला। ",
		"Πολύ καλό προϊόν, ακριβώς όπως στη φωτογραφία. ",
		"배송이 빠르고 포장이 꼼꼼해요. 다시 살게요. ",
		"Love it \\ud83d\\ude00\\ud83d\\udc4d and so does the cat 🐈🏽‍⬛ \\u2764\\ufe0f ",
		"Manual is at C:\\\\docs\\\\lamp.pdf or https:\\/\\/shop.example\\/m\\/1044 if you lose it.\\n",
		"Pros:\\n\\t- light\\n\\t- cheap\\nCons:\\n\\t- the plug (type \\u0022G\\u0022) needs an adapter\\n",
		"{not json} [1,2,3] </script> & 100% 'quoted' -- ; \\u003cb\\u003e ",
		"Would order again. ", "Fits. ", "Size 38 is more of a 37\\u00bd. ",
	}
}
