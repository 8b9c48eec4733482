// The peers of `cargo xtask interop pingpong`, in Go and in Rust, both generated from this file.
//
// What the handlers do, by the text of the note (say, Second.say, nothing, push, and Say of interop.proto):
//   boom               plain error "boom"
//   panic              panic "ouch"
//   typed              typed error 1234 "typed"
//   nil                no result
//   biz                business error 404 "not found", extra {"k": "<v>"}
//   biz-plain          business error -7 ""
//   biz-zero           business error 0 "zero"
//   sleep N            waits N ms, then answers "slept N"
//   big N              answers N times the letter x
//   deadline           "deadline within T" when the handler has a deadline less than T (1s, 10s, 100s) away, else "no deadline"
//   wait               waits for the deadline and returns its error; "no deadline" when there is none
//   who                "from CALLER/CALLER-METHOD service SERVICE method METHOD" with empty words as "-"
//   transport          "TTHeader|Framed" and so on, as Kitex names it
//   meta               sets backward "back" = "val" and "Back_2" = "", answers "P k=v,k=v T k=v" (both sorted by key; persistent, transient)
//   metaboom           sets backward "back" = "val", then plain error "boom"
//   hop                calls Second.say("meta") on the next server with this call's context and answers "B <own meta> C <answer> BACK k=v"
//   hopset             as hop, but first sets the transient value "tra-K" to "own" and deletes the persistent value "drop"
//   pushed TEXT        "yes" when push(TEXT) has run in this process, else "no"
//   anything else      the same note again
// Second.say answers as say with "second:" before the text, except for meta. `inherited` and `only_second` answer the same note.
// types checks that what it got is the sample that the field `sample` names, and answers it again; if it is not: plain error "differs: ...".
// fails: "refused" throws Refused{11, "busy"}, "bare" throws Refused{12} without a reason, "other" throws Other{"o"}, else the note again.
// refuses: "refused" throws Refused{12, "no"}. sum: a + b. swap: the map with keys and values exchanged.
namespace go interop
namespace rs interop

include "common.thrift"

typedef list<common.Name> Names
typedef map<common.Key, Names> Index

const i32 SEVEN = 7

struct Tree {
  1: required string label
  2: optional list<Tree> kids
  3: optional Tree next
}

union Choice {
  1: i32 number
  2: string word
  3: common.Key key
  4: list<i64> list
}

struct Defaults {
  1: i32 number = SEVEN
  2: optional string word = "dflt"
  3: optional i32 changed = 5
  4: bool yes = true
  5: double half = 0.5
  6: list<i32> list = [1, 2, 3]
  7: map<string, i32> map = {"a": 1, "b": 2}
  8: common.Color color = common.Color.GREEN
  9: i64 plain
  10: string text
  11: optional common.Color maybe = common.Color.BLUE
}

struct Types {
  1: required string sample

  2: required bool f_bool
  3: required byte f_byte
  4: required i8 f_i8
  5: required i16 f_i16
  6: required i32 f_i32
  7: required i64 f_i64
  8: required double f_double
  9: required string f_string
  10: required binary f_binary
  11: required common.Color f_enum
  12: required common.Name f_typedef
  13: required common.Key f_struct
  14: required Tree f_tree
  15: required Choice f_union
  16: required common.Refused f_exception
  17: required Defaults f_defaults

  20: required list<bool> l_bool
  21: required list<byte> l_byte
  22: required list<i16> l_i16
  23: required list<i32> l_i32
  24: required list<i64> l_i64
  25: required list<double> l_double
  26: required list<string> l_string
  27: required list<binary> l_binary
  28: required list<common.Color> l_enum
  29: required list<common.Key> l_struct
  30: required list<Choice> l_union

  40: required set<string> s_string
  41: required set<i64> s_i64
  42: required set<common.Key> s_struct
  43: required set<common.Color> s_enum

  50: required map<string, i64> m_string
  51: required map<i32, string> m_i32
  52: required map<bool, byte> m_bool
  53: required map<common.Color, double> m_enum
  54: required Index m_struct
  55: required map<i64, common.Key> m_to_struct
  56: required map<byte, binary> m_byte
  57: required map<i16, bool> m_i16

  60: required list<list<i32>> n_lists
  61: required list<map<i32, set<string>>> n_mixed
  62: required map<string, map<i32, list<binary>>> n_maps
  63: required map<string, list<common.Key>> n_structs

  70: optional bool o_bool
  71: optional byte o_byte
  72: optional i16 o_i16
  73: optional i32 o_i32
  74: optional i64 o_i64
  75: optional double o_double
  76: optional string o_string
  77: optional binary o_binary
  78: optional common.Color o_enum
  79: optional common.Key o_struct
  80: optional list<i32> o_list
  81: optional set<string> o_set
  82: optional map<string, string> o_map
  83: optional Choice o_union

  // Words that Go or Rust keeps for itself.
  90: optional string type
  91: optional string self
  92: optional string func
  93: optional string match
  94: optional string async

  300: optional bool wide_id
  32767: optional i32 widest_id
}

service Everything extends common.Base {
  Types types(1: Types value)
  common.Note say(1: common.Note note)
  common.Note fails(1: common.Note note) throws (1: common.Refused refused, 3: common.Other other)
  void nothing(1: common.Note note)
  void ping()
  void refuses(1: common.Note note) throws (2: common.Refused refused)
  i64 sum(1: i32 a, 3: i64 b)
  map<string, string> swap(1: map<string, string> words)
  oneway void push(1: common.Note note)
}

service Second {
  common.Note say(1: common.Note note)
  common.Note only_second(1: common.Note note)
}

// Three services for the dispatch rows; each answers the text with its letter and a colon before it.
service ServiceA {
  common.Note Echo1(1: common.Note note)
  common.Note EchoA(1: common.Note note)
}

service ServiceB {
  common.Note Echo2(1: common.Note note)
  common.Note EchoB(1: common.Note note)
}

service ServiceC {
  common.Note Echo1(1: common.Note note)
  common.Note EchoC(1: common.Note note)
}
