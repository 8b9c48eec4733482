// An echo in every mode. The real Kitex peers of tests/interop have the same service.
namespace go streams
namespace rs streams

struct Line {
  1: required string text
}

service Streams {
  // The text itself.
  Line plain(1: Line line)
  // The same, as a stream of one message each way where the transport has streams.
  Line unary(1: Line line) (streaming.mode = "unary")
  // All texts, joined by commas.
  Line collect(1: Line line) (streaming.mode = "client")
  // What stands between the semicolons of the text, one message each.
  Line watch(1: Line line) (streaming.mode = "server")
  // Each text, as it comes.
  Line talk(1: Line line) (streaming.mode = "bidirectional")
}
