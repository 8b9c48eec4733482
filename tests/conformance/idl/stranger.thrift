namespace rs stranger

struct Ask { 1: required string text, 2: required binary payload }
struct Reply { 1: required string text, 2: required binary payload }

// A service of this name exists, with other methods.
service Desk {
  Reply absent(1: Ask ask)
  Reply missing(1: Ask ask) (streaming.mode = "bidirectional")
}

// A service that nobody registers.
service Stranger {
  Reply absent(1: Ask ask)
  Reply missing(1: Ask ask) (streaming.mode = "bidirectional")
}
