// Package kafkatest runs a real Apache Kafka, one node in KRaft mode, for tests and for the
// demo. The broker is made of Kafka's Maven artifacts (pom.xml), which Maven brings into a
// cache outside of the tree once; it needs Java 17 and Maven.
//
// Start gives the one broker that the tests of a package share, New one of a test's own,
// which it may kill and restart. A package whose tests call Start ends with
//
//	func TestMain(m *testing.M) { os.Exit(kafkatest.Main(m)) }
//
// Run is the same without package testing; the command in cmd/broker is made of it. No
// broker outlives the process that started it, however that process ends.
package kafkatest
