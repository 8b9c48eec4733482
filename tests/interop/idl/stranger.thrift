// What a client believes that the servers do not have: only clients are made from this file.
namespace go stranger
namespace rs stranger

include "common.thrift"

// A known service name with methods that it does not have there: `absent` nobody has, `only_second` belongs to Second.
service Everything {
  common.Note absent(1: common.Note note)
  common.Note only_second(1: common.Note note)
}

// An unknown service name: `only_second` and `Echo2` have one owner each, `Echo1` has two, `absent` none.
service Stranger {
  common.Note absent(1: common.Note note)
  common.Note only_second(1: common.Note note)
  common.Note Echo1(1: common.Note note)
  common.Note Echo2(1: common.Note note)
}

service ServiceA {
  common.Note EchoB(1: common.Note note)
  common.Note absent(1: common.Note note)
}
