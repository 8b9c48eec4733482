// The Thrift services of `cargo xtask interop grpc` and `interop ttstream`.
//
// A request's text is a list of commands, parted by "; ", which the handler obeys one after the other. In `collect` and `talk` each message is
// such a list. An answer is a message of its own in `watch` and `talk`; in `unary`, `plain` and `collect` the answers are joined by "," into one.
//   boom               plain error "boom"
//   panic              panic "ouch"
//   typed              typed error 1234 "typed"
//   status N TEXT      status with this code and text
//   details            status 9 "no money" with a detail: type "type.test/detail", bytes 01 02 03
//   biz                business error 404 "not found", extra {"k": "<v>"}
//   biz-plain          business error -7 ""
//   biz-utf8           business error 7 "né 50%", extra {"k": "v<é>&"}
//   biz-status         business error 8 "no quota" with status 8 of its own and the detail of `details`
//   biz-empty          business error 5 "empty", an empty extra
//   declared           throws Refused{11, "busy"}
//   declared-bare      throws Refused{12}
//   return             returns at once, without an error
//   sleep N            waits N ms
//   big N              answers N times the letter x
//   many N             gives N answers, "0" first
//   flood N SIZE       gives N answers of SIZE times the letter x
//   soon N             waits N microseconds and answers the same text
//   empty              answers an empty text
//   reply              (Kitex only, collect) sends the one answer now
//   size TEXT          answers "N bytes"
//   header K V         sets response metadata; the value of a key that ends in -bin is written in hex
//   send-header        sends it now
//   trailer K V        sets trailer metadata
//   raw-header K V     (Kitex only, unary) sets response metadata under the key as it is spelled
//   raw-trailer K V    (Kitex only, unary) the same for trailer metadata
//   metadata PREFIX    answers the request metadata of these keys: "k=v|v k=v", sorted by key
//   meta               answers "P k=v,k=v T k=v" (both sorted by key; persistent, transient)
//   backward K V       sets a backward value
//   deadline           answers "deadline within T" when the deadline is less than T (1s, 10s, 100s) away, else "no deadline"
//   who                answers "from CALLER/CALLER-METHOD service SERVICE method METHOD" with empty words as "-"
//   wait               waits until nobody waits for the answer any more, records "gone" and what recv gives then, and returns that after a second
//   wait-send          the same, and records what send gives then
//   wait-end, wait-fail  waits as long and returns at once then, without an error or with what ended the wait
//   linger             leaves something behind that sends a second later, and records "late" and what that gave
//   linger-recv        the same for a receive, which begins at once
//   relay TEXTS        opens `talk` on the next server for the call being served, sends it the texts, which are parted by " | ", and gives on
//                      what it answers; records "relay" and its error, which is the handler's own then
//   abandon TEXTS      does so, receives once and leaves something behind that receives again; records "abandoned" and what that gave
//   hop, hop-stream    calls Streams.unary or Streams.talk on the next server with "meta; metadata k-" and answers "B <own> C <answer>"
//   report KEY         answers what handlers recorded under the key, joined by " / ": waits until there is something
//   report KEY MARK    answers "yes" when a handler with the key has made the mark: "begun" at its begin, "waits" at a word with wait in it
//   anything else      answers the same text
// The unknown-service handler gives the first message back, and ends; it makes the arguments of a unary Thrift method its result.
// Others answers as Streams with "other:" before texts that are only given back. A handler records under the key that the request metadata
// or, over TTHeader, the persistent value `record` has: first the end or error that its recv gave. A handler that is left alone returns what
// its recv gave.
namespace go streams
namespace rs streams

include "common.thrift"

struct Line {
  1: required string text
}

service Streams {
  Line unary(1: Line line) (streaming.mode="unary")
  Line collect(1: Line line) (streaming.mode="client")
  Line watch(1: Line line) (streaming.mode="server")
  Line talk(1: Line line) (streaming.mode="bidirectional")
  Line plain(1: Line line) throws (2: common.Refused refused)
  void quiet(1: Line line)
}

service Others {
  Line unary(1: Line line) (streaming.mode="unary")
  Line collect(1: Line line) (streaming.mode="client")
  Line watch(1: Line line) (streaming.mode="server")
  Line talk(1: Line line) (streaming.mode="bidirectional")
}
