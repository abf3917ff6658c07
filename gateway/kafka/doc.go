// Package kafka is Kafka as a source, a sink and a mirror of the quarantine.
//
// # Source
//
// A [Source] is a member of a consumer group. Each partition that it is given is read,
// judged and acknowledged by a goroutine of its own, a batch after the other, so that the
// order within a partition, and with it within each key, is kept. While a batch is judged
// and written the next is fetched; nothing more is. A batch is acknowledged, by committing
// the offset after its last record, when its good events are durable at the sink and its bad
// ones in the quarantine. When the group is rebalanced, the batches in hand are finished and
// committed, and nothing new is begun.
//
// # At least once
//
// The sink's producer is idempotent, so that a retry of ours makes no second record. What is
// read again after a crash is written again; its quarantine entries are not, for they are
// known by topic, partition, offset and time.
//
// # Exactly once
//
// The good records of a batch, the mirror of its bad ones and the offset are one transaction.
// Each partition of the source has a transactional id of its own,
// "<group>:<topic>:<partition>", and its producer lives as long as the partition is
// ours: who gets the partition next fences it, and ends its open transaction, before reading
// the committed offset. So a gateway that was thought dead and comes back can commit nothing:
// its epoch is old, and so is its generation. The quarantine is written before the transaction
// commits; if that fails the entry is there, once, and the event comes again.
//
// # Batches that have an ID
//
// Releases from the quarantine, and requests with an idempotency key, land once: their records
// go in a transaction together with an offset whose metadata names the batch, in the group
// "lazaret-reprocess-<job>" or "lazaret-batch-<id>". Whoever writes a batch again first fences
// and ends what was under way, then looks there.
package kafka
