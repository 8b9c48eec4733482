// Streaming methods beside others, inherited ones and ones whose names mean something in Rust.
namespace go kw.Streams

struct Line { 1: required string text }
struct Sum { 1: required i32 count, 2: required string all }
exception Refused { 1: required i32 code }

service Parent {
  Sum collect(1: Line line) (streaming.mode = "client")
  Line greet(1: Line line)
}

service Chat extends Parent {
  Line echo(1: Line line) throws (1: Refused refused)
  Sum join(1: Line a, 2: Line b)
  Line unary(1: Line line) (streaming.mode = "unary")
  void nothing(1: Line line) (streaming.mode = "unary")
  /** Gives the line three times. */
  Line repeat(1: Line out) throws (1: Refused refused) (streaming.mode = "server")
  Line talk(1: Line requests) (streaming.mode = "bidirectional")
  Line await(1: Line call) (streaming.mode = "server")
}

service Other {
  Line move(1: Line self) (streaming.mode = "bidirectional")
}
