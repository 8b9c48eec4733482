namespace go work
namespace rs work

// What a call asks of its handler.
struct Order {
  1: required i64 call
  2: required i32 act
  3: required i32 size
  4: required i32 count
  5: required i32 pause
  6: required i32 hops
  7: required binary payload
}

struct Piece {
  1: required i64 call
  2: required i32 index
  3: required binary payload
  4: optional Order order
}

struct Receipt {
  1: required i64 call
  2: required i32 pieces
  3: required i64 digest
}

exception Declined {
  1: required i64 call
}

service Work {
  Piece ask(1: Order order) throws (1: Declined declined)
  oneway void tell(1: Order order)
  Piece reserve(1: Order order) (streaming.mode = "unary")
  Receipt collect(1: Piece piece) (streaming.mode = "client")
  Piece deliver(1: Order order) (streaming.mode = "server")
  Piece exchange(1: Piece piece) (streaming.mode = "bidirectional")
}

service Side {
  Piece echo(1: Order order)
}
