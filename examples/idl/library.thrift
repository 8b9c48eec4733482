// Two services of one library. Both have a method `find`.
namespace rs library

struct Query {
  1: required string title
}

struct Shelf {
  /** Who says so. */
  1: required string answered_by
  2: required i32 number
}

service Books {
  Shelf find(1: Query query)
  Shelf borrow(1: Query query)
}

service Maps {
  Shelf find(1: Query query)
  Shelf unroll(1: Query query)
}
