// The one service that every side of the measurement of Thrift streams serves and calls.
namespace go lines
namespace rs lines

struct Line {
    1: required string text
}

service Lines {
    Line talk(1: Line line) (streaming.mode = "bidirectional")
}
