// Package sink holds the places where good events go that need nothing but the
// standard library: NDJSON files, an HTTP endpoint, and standard output. Each of
// [File], [HTTP] and [Stdout] is a gateway.Sink.
//
// # What a line holds
//
// Every sink writes one line of JSON an event, ended by a line feed. In
// gateway.FormatEvent the line is the event's own bytes. In gateway.FormatRecord it is
// an object of what is known of the event; members that have nothing to say are left
// out, and "event", the event's own bytes, is always the last:
//
//	{"id":"…","key":"…","time":"…","received":"…","stream":"clickstream","version":7,
//	 "schema":"clickstream:1","ruleset":3,"source":"http:192.0.2.7","content_type":"…",
//	 "headers":{"ce-type":"…"},"warnings":[{"code":"…","path":"…","rule":"…","message":"…"}],
//	 "quarantine_id":"…","released_at":"…","event":<the bytes>}
//
// (on one line; content_type only where it is not application/json). A line cannot hold
// a raw line break, so a CR or LF in the event is written as a space. In an accepted
// event these stand between tokens only (JSON strings cannot hold them raw), so the
// value is the same and so is the length; every other byte is exact.
//
// # Batches that have an ID
//
// A batch that has an ID lands once, however often it is written: [File] remembers the
// IDs on disk; [HTTP] and [Stdout] remember them while the process lives, and HTTP
// also sends the same Idempotency-Key each time, for the receiver to know it by.
package sink
