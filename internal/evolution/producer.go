package evolution

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/cloudevents"
	"github.com/lazaret/lazaret/quarantine"
)

// maxProducer is how long the name of a producer is, in bytes.
const maxProducer = 128

// producer is where an entry came from, and its payload, which is nil if it has none.
func producer(entry *quarantine.Entry, ev *lazaret.Event) (source string, payload []byte) {
	if _, inner, framed := lazaret.CutFrame(ev.Data); framed {
		bare := *ev
		bare.Data, ev = inner, &bare
	}
	source, payload = entry.Source.Kind+":"+entry.Source.Name, ev.Data
	if ce, _ := cloudevents.Parse(ev); ce != nil {
		payload = ce.Payload
		if ce.Source != "" {
			source = ce.Source
		}
	}
	return short(source), payload
}

// short is a producer's name, and of one that is too long, which is the sender's to choose,
// its beginning and a hash of all of it, so that two are not taken for one.
func short(source string) string {
	if len(source) <= maxProducer {
		return strings.Clone(source) // not what it is a part of
	}
	sum := sha256.Sum256([]byte(source))
	return strings.ToValidUTF8(source[:maxProducer-32], "") + "...sha256:" + hex.EncodeToString(sum[:10])
}
