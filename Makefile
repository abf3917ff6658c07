# What a newcomer types: make demo, make test. The rest is for those who work on it.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
BIN     := bin/lazaret

# Public test suites; .ci/run and developers who have them set these.
export LAZARET_JSON_SCHEMA_TEST_SUITE LAZARET_JSON_TEST_SUITE

.PHONY: build broker demo test race lint fuzz bench compare-jsonsubschema soak clean need

build: ## bin/lazaret, one static binary
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/lazaret

broker: ## bin/kafka-broker, the Apache Kafka of make demo KAFKA=1
	@scripts/need kafka
	@$(GO) build -o bin/kafka-broker ./internal/kafkatest/cmd/broker

# On KAFKA_BROKERS=host:port, if that is set, else on a broker of our own.
KAFKA_FLAG = $(if $(KAFKA_BROKERS),--kafka $(KAFKA_BROKERS),--kafka-broker bin/kafka-broker)

demo: $(if $(KAFKA),$(if $(KAFKA_BROKERS),,broker)) build ## the whole story on 100,000 events; KAFKA=1 Kafka to Kafka; KEEP=1 leaves it running
	@$(BIN) demo $(if $(KAFKA),$(KAFKA_FLAG)) $(if $(EVENTS),--events $(EVENTS)) $(if $(SIZE),--size $(SIZE)) $(if $(KEEP),--keep)

test: need ## every test, with the race detector
	@scripts/test

need:
	@scripts/need

lint: ## gofmt, vet, staticcheck, tidy
	@scripts/lint

FUZZTIME ?= 30s
fuzz: ## each fuzz target for FUZZTIME
	@scripts/fuzz $(FUZZTIME)

bench: ## every benchmark, as docs/benchmarks.md tells
	@scripts/bench

compare-jsonsubschema: ## schemas of published packages, asked here and of jsonsubschema: an hour, needs npm and python3
	@scripts/compare-jsonsubschema/run $(DIR)

soak: build ## long kill tests, over HTTP and Kafka, each bounded by SOAK (default 10m; there are seven)
	@LAZARET_SOAK=$(or $(SOAK),10m) $(GO) test -count=1 -timeout 180m -run 'TestKill$$|TestKafkaKill$$|TestKafkaBrokerKill|TestKafkaGateways' -v ./internal/app

clean:
	@rm -rf bin
