// Package contain decides whether a set of JSON values is empty, where the set is what some
// schemas accept and others refuse. "Everything that old accepts, new accepts" is the
// question whether old and not new is empty: if it is not, a member of it is the proof.
//
// The method is a tableau, after the witness generation of "Witness Generation for JSON
// Schema" (Attouche, Baazizi, Colazzo, Ghelli, Sartiani, Scherzinger, VLDB 2022) and the
// canonical forms of "Finding Data Compatibility Bugs with JSON Subschema Checking"
// (Habib, Shinnar, Hirzel, Pradel, ISSTA 2021). A goal is a set of literals, each a schema
// or its negation. For each kind of value (null, string, object …) the literals are taken
// apart: what a schema asserts is a conjunction, what its negation asserts a disjunction,
// and disjunctions are tried one alternative after the other, those first that leave the
// fewest. What remains is about one kind alone. Numbers are intervals of rationals with
// divisors. Strings are a product of automata, which are made of the very programs that
// the patterns are matched with (regexp/syntax). Objects and arrays ask the same question
// of their members, as goals of their own. A goal that comes up again while it is being
// answered is taken to be empty, since no finite value has itself as a member: if all that
// rests on this is empty, it was right.
//
// An answer is never a guess. A value that is found was evaluated; "empty" rests on steps
// that leave no value out; whatever is neither, or takes more work than the budget allows,
// is unknown.
package contain
