package metrics

import "strconv"

// Rebalanced counts that a source was given partitions, and how many.
func (m *Metrics) Rebalanced(stream string, partitions int) {
	m.sourceRebalances.WithLabelValues(stream).Inc()
	m.sourcePartitions.WithLabelValues(stream).Set(float64(partitions))
}

// Retried counts that a source had to try something again.
func (m *Metrics) Retried(stream string) { m.sourceRetries.WithLabelValues(stream).Inc() }

// Lag says how many records of a partition wait to be read.
func (m *Metrics) Lag(stream, topic string, partition int32, records int64) {
	m.sourceLag.WithLabelValues(stream, topic, strconv.Itoa(int(partition))).Set(float64(records))
}

// Forget takes back the lag of a partition that is not read here any more.
func (m *Metrics) Forget(stream, topic string, partition int32) {
	m.sourceLag.DeleteLabelValues(stream, topic, strconv.Itoa(int(partition)))
}
