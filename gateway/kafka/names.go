package kafka

import (
	"fmt"

	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/kafkaio"
)

// transactionalID is that of the producer of a partition of a group's source.
func transactionalID(group string, p kafkaio.Partition) string {
	return fmt.Sprintf("%s:%s:%d", group, p.Topic, p.ID)
}

// codec is the codec of that name.
func codec(name gateway.Compression) kafkaio.Compression {
	switch name {
	case gateway.CompressGzip:
		return kafkaio.Gzip
	case gateway.CompressSnappy:
		return kafkaio.Snappy
	case gateway.CompressLZ4:
		return kafkaio.LZ4
	case gateway.CompressZstd:
		return kafkaio.Zstd
	}
	return kafkaio.None
}
