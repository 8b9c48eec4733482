namespace go promises
namespace rs promises

struct Ask { 1: required string text, 2: required binary payload }
struct Reply { 1: required string text, 2: required binary payload }

// Ordinary calls and the four modes of streaming, in one service.
service Promises {
  Reply ping(1: Ask ask)
  Reply unary(1: Ask ask) (streaming.mode = "unary")
  Reply collect(1: Ask ask) (streaming.mode = "client")
  Reply watch(1: Ask ask) (streaming.mode = "server")
  Reply talk(1: Ask ask) (streaming.mode = "bidirectional")
}

// All of it, and one method more.
service Heir extends Promises {
  Reply own(1: Ask ask) (streaming.mode = "bidirectional")
}
