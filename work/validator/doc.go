// Package validator has validators that an owner writes in any language: a
// program of the hive's machine ([Command]), or a WebAssembly module in the
// sandbox ([Module]). Both see one workgroup at a time: the unit's input and the
// results of its bees; ../exec/PROTOCOL.md says how. They are for projects whose
// rule is work.Custom.
//
// # What is believed
//
// A verdict names a value. It must be one that a bee gave, by its bytes or by
// what it means as JSON (1.0 is 1); the datachunk then is that bee's result, byte for
// byte, who gave something else is wrong, and the bee's reputation suffers. With
// Computes the value may be any, such as a mean, and nobody is right or wrong.
//
// A result that is no JSON is not shown to the validator, and is wrong once
// another one is believed; when no result is JSON, they prove nothing.
//
// # What is not believed
//
// An error is what the hive counts: the third one of a unit fails the unit, with
// what the validator did as the reason, and others go on. It is one when the validator ends,
// panics, writes what is no verdict, takes too long (the hive cuts it off, after
// 30 s unless told otherwise), uses more than its limits, names a value that no bee
// gave, or is shown more than fits: 16 MiB for a program, 960 KiB for a module.
//
// A program is started when it is first needed, and again after it broke: each
// question that waits has a process of its own, at most as many as the hive asks at once,
// so one that hangs holds up no other unit. A module gets a fresh instance for each
// question.
package validator
