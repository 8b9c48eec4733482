namespace rs desk

struct Ask { 1: required string text, 2: required binary payload }
struct Reply { 1: required string text, 2: required binary payload }

exception Refused { 1: required i32 code, 2: optional string why }

// Ordinary calls and the four modes of streaming, in one service.
service Desk {
  Reply say(1: Ask ask) throws (1: Refused refused)
  void nothing(1: Ask ask)
  i64 sum(1: i32 a, 3: i64 b)
  oneway void push(1: Ask ask)
  Reply unary(1: Ask ask) (streaming.mode = "unary")
  Reply collect(1: Ask ask) (streaming.mode = "client")
  Reply watch(1: Ask ask) (streaming.mode = "server")
  Reply talk(1: Ask ask) (streaming.mode = "bidirectional")
}

// All of it, and one method more.
service Annex extends Desk {
  Reply own(1: Ask ask) (streaming.mode = "bidirectional")
}

// Has a method of the same name, and one of its own.
service Second {
  Reply say(1: Ask ask)
  Reply only_here(1: Ask ask)
}
