// Included by the other files: what they share.
namespace go common
namespace rs common

enum Color {
  RED = 1
  GREEN = 2
  BLUE = -3
}

typedef string Name

struct Note {
  1: required string text
}

struct Key {
  1: required i32 number
  2: required string word
}

exception Refused {
  1: required i32 code
  2: optional string why
}

exception Other {
  1: string text
}

service Base {
  Note inherited(1: Note note)
}
