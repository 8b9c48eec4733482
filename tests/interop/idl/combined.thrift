// Merged into one service `CombineService`, which answers with "comb:" before the text.
namespace go combined
namespace rs combined

include "common.thrift"

service CombA {
  common.Note Echo1(1: common.Note note)
}

service CombB {
  common.Note Echo2(1: common.Note note)
}
