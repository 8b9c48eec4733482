// What a client believes that the servers of streams.thrift do not have: only clients are made from this file.
namespace go strangestreams
namespace rs strangestreams

include "streams.thrift"

// A known service name with methods that it does not have, and one that is a call without a stream there.
service Streams {
  streams.Line plain(1: streams.Line line) (streaming.mode="bidirectional")
  streams.Line absent(1: streams.Line line) (streaming.mode="unary")
  streams.Line absent_collect(1: streams.Line line) (streaming.mode="client")
  streams.Line absent_watch(1: streams.Line line) (streaming.mode="server")
  streams.Line absent_talk(1: streams.Line line) (streaming.mode="bidirectional")
}

// An unknown service name; no other service that has `talk` may answer.
service Strangers {
  streams.Line unary(1: streams.Line line) (streaming.mode="unary")
  streams.Line collect(1: streams.Line line) (streaming.mode="client")
  streams.Line watch(1: streams.Line line) (streaming.mode="server")
  streams.Line talk(1: streams.Line line) (streaming.mode="bidirectional")
}
