/* What the others share. */
namespace go kw.Shared
namespace * shared

include "units.thrift"

/** A colour. */
enum Color {
  RED = 1,
  GREEN        // one more
  BLUE = -3 (kitewire.name = "Azure")
}

const i32 LIMIT = 0x10
const units.Meters HEIGHT = 1.5

struct Point {
  1: required i32 x;
  2: required i32 y = LIMIT;
}

exception Refused {
  1: required i32 code
  2: optional string why
}

service Base {
  /** Answers that it is there. */
  string ping(1: string text)
  Point move_to(1: Point to, 2: optional Point from) throws (1: Refused refused)
}
