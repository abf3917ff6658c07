package kafkatest

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// Security is what a listener asks of clients, by Kafka's name for it.
type Security string

// The listeners that a broker can have beside the one in plain text. Those with SASL take
// PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512 for all of Options.Users.
const (
	plaintext Security = "PLAINTEXT"
	TLS       Security = "SSL"
	SASL      Security = "SASL_PLAINTEXT"
	SASLTLS   Security = "SASL_SSL"
)

func (s Security) tls() bool  { return s == TLS || s == SASLTLS }
func (s Security) sasl() bool { return s == SASL || s == SASLTLS }

// controller is the name of the listener that the node's own controller has.
const controller = "CONTROLLER"

// scrams are the SCRAM mechanisms.
func scrams() []string { return []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} }

// baseline are the settings of a broker that starts fast, alone, and has few threads and
// partitions of its own.
func baseline() map[string]string {
	return map[string]string{
		"process.roles":              "broker,controller",
		"node.id":                    "1",
		"controller.listener.names":  controller,
		"inter.broker.listener.name": string(plaintext),
		"auto.create.topics.enable":  "false",
		"num.network.threads":        "2",
		"num.io.threads":             "4",
		"background.threads":         "2",

		"offsets.topic.replication.factor":                 "1",
		"offsets.topic.num.partitions":                     "2",
		"transaction.state.log.replication.factor":         "1",
		"transaction.state.log.min.isr":                    "1",
		"transaction.state.log.num.partitions":             "2",
		"share.coordinator.state.topic.replication.factor": "1",
		"share.coordinator.state.topic.min.isr":            "1",
		"share.coordinator.state.topic.num.partitions":     "1",

		// Tests join groups at once, have short sessions, and want the transactions of
		// killed producers aborted as soon as their time is over.
		"group.initial.rebalance.delay.ms":                            "0",
		"group.min.session.timeout.ms":                                "500",
		"transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
		// A killed broker is let in again when its session is over; it asks again after 0.1,
		// 0.3, 0.7 and 1.5 s.
		"broker.session.timeout.ms":    "1400",
		"broker.heartbeat.interval.ms": "200",
		// A cleaner's buffer has 128 MB otherwise, a quarter of the heap.
		"log.cleaner.dedupe.buffer.size": "4194304",
	}
}

// properties are the lines of server.properties.
func (b *Broker) properties() []byte {
	p := baseline()
	p["log.dirs"] = filepath.Join(b.dir, "data")
	p["controller.quorum.voters"] = "1@" + b.addrs[controller]
	var listeners, advertised, protocols []string
	for _, s := range slices.Sorted(maps.Keys(b.addrs)) {
		listeners = append(listeners, string(s)+"://"+b.addrs[s])
		if s == controller {
			protocols = append(protocols, controller+":PLAINTEXT")
			continue
		}
		advertised = append(advertised, string(s)+"://"+b.addrs[s])
		protocols = append(protocols, string(s)+":"+string(s))
	}
	p["listeners"] = strings.Join(listeners, ",")
	p["advertised.listeners"] = strings.Join(advertised, ",")
	p["listener.security.protocol.map"] = strings.Join(protocols, ",")
	b.secure(p)
	maps.Copy(p, b.options.Config)
	var out strings.Builder
	for _, key := range slices.Sorted(maps.Keys(p)) {
		fmt.Fprintf(&out, "%s=%s\n", key, p[key])
	}
	return []byte(out.String())
}

// secure adds the settings of the listeners with TLS and SASL.
func (b *Broker) secure(p map[string]string) {
	if b.identity != nil {
		p["ssl.keystore.type"], p["ssl.keystore.location"] = "PEM", b.path(serverFile)
		p["ssl.truststore.type"], p["ssl.truststore.location"] = "PEM", b.path(caFile)
		if b.options.ClientCert {
			p["ssl.client.auth"] = "required"
		}
	}
	for _, s := range b.options.Listeners {
		if !s.sasl() {
			continue
		}
		p["sasl.enabled.mechanisms"] = strings.Join(append(scrams(), "PLAIN"), ",")
		prefix := "listener.name." + strings.ToLower(string(s)) + "."
		login := "org.apache.kafka.common.security.plain.PlainLoginModule required"
		for _, name := range slices.Sorted(maps.Keys(b.options.Users)) {
			login += fmt.Sprintf(" user_%s=\"%s\"", name, b.options.Users[name])
		}
		p[prefix+"plain.sasl.jaas.config"] = login + ";"
		for _, m := range scrams() {
			p[prefix+strings.ToLower(m)+".sasl.jaas.config"] = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
		}
	}
}
