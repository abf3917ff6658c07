// Package schemas keeps JSON Schemas as subjects with numbered, immutable versions,
// compiles them, and judges payloads with them.
//
// A compiled [Schema] is the reference for what is valid: drafts 4, 6, 7, 2019-09 and
// 2020-12, with format asserted in each. What a schema may cost is bounded before it is
// used: by the size of its document, by the number of its nodes, by how often its
// references may make one place of an event be checked ([Compile]), and by a trial on
// generated events in a child process ([Try]). What one event may cost is bounded as well:
// by a count of the work, before any of it is done, so that the verdict is the same on
// every machine. A schema refers to another subject only
// as "lazaret:subject:version", so that a version never changes its meaning; nothing is
// read from files or from the network.
//
// Payloads are judged by a [Checker], in one pass over their bytes; the schema library
// explains what is bad, and decides alone what the checker cannot.
//
// A payload that breaks the schema is a list of [lazaret.Reason]; an error of this
// package means that we failed or that a schema was refused. Reasons are built from the
// kind of a failure, from pointers and from what the schema says: no value of the
// payload ever leaves through them.
package schemas
