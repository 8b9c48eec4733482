# Every construct of the IDL.
namespace go kw.Everything (some.tool = "value")
namespace rs everything
cpp_include "<map>"
include "shared/base.thrift"
include "shared/units.thrift"

/*
 * Names of people; see [elsewhere] and <there>.
 *
 *     indented
 */
typedef string Name (some.tool = "x")
typedef list<Name> Names
typedef map<base.Color, set<double>> Palette
typedef base.Point Point
typedef units.Unit Unit

const bool YES = true
const bool ONE = 1
const byte SMALL = -128
const i16 SHORT = 0o17
const i64 LARGE = -9223372036854775808
const double HALF = .5
const double EXPONENT = -1e-3
const double WHOLE = 2
const string GREETING = "say \"hi\"\n\\o/"
const string QUOTED = 'it\'s'
const binary MAGIC = "\\x"
const base.Color FAVOURITE = base.Color.GREEN
const base.Color BARE = RED
const base.Color ODD = 77
const i32 BORROWED = base.LIMIT
const i32 FROM_ENUM = base.Color.BLUE
const uuid ID = "01234567-89ab-cdef-0123-456789ABCDEF"
const list<i32> NUMBERS = [1, BORROWED; 3]
const set<string> WORDS = ["a", "b",]
const map<string, list<double>> TABLE = {"one": [1], "none": []}
const Point ORIGIN = {"x": 0}
const list<Point> PATH = [ORIGIN, {"x": 1, "y": 2}]
const Choice CHOSEN = {"text": GREETING}
const Palette PALETTE = {base.Color.RED: [0.5], FAVOURITE: []}

struct Empty {}

/** Fields of all kinds. */
struct Everything {
  /** A bool. */
  1: required bool f_bool
  2: required byte f_byte,
  3: required i8 f_i8;
  4: required i16 f_i16
  5: required i32 f_i32 // how many
  6: required i64 f_i64
  7: required double f_double
  8: required string f_string
  9: required binary f_binary
  10: required uuid f_uuid
  11: required base.Color f_enum
  12: required Name f_typedef
  13: required list<bool> f_list
  14: required set<double> f_set
  15: required map<double, string> f_map
  16: required map<Point, list<map<string, set<i32>>>> f_nested
  17: required map<list<i64>, base.Point> f_list_keys
  18: required Palette f_palette
  19: required Choice f_choice
  20: required base.Refused f_exception
  21: required Empty f_empty
  -5: optional i32 negative
  300: optional bool wide
  32767: optional i32 widest
}

struct Defaults {
  1: i32 number = BORROWED
  2: string text = GREETING
  3: list<i32> numbers = NUMBERS
  4: base.Point point = {"x": 7}
  5: base.Color color = base.Color.BLUE
  6: double zero = 0
  7: bool yes = YES
  8: i64 plain
  9: base.Point plain_point
  10: Choice plain_choice
  11: Preset preset
  20: optional i32 maybe = 5
  21: optional string maybe_text = "dflt"
  22: optional binary maybe_bytes = "dflt"
  23: optional list<string> maybe_list = ["x"]
  24: optional base.Color maybe_color = GREEN
  25: optional map<string, i32> maybe_map = {}
  26: optional double maybe_double = 1.5
  27: optional Point maybe_point = ORIGIN
}

union Choice {
  1: i32 number
  /** Some text. */
  2: string text
  3: list<Choice> list
  4: Choice choice
  5: base.Point point
}

union Preset {
  1: i32 number = 3
  2: string Unknown
}

struct Tree {
  1: required string label
  2: optional list<Tree> kids
  3: optional Tree next
  4: Forest forest
}

struct Forest {
  1: required Leaf leaf
  2: map<string, Forest> by_name
}

struct Leaf {
  1: Tree tree
  2: required Other other
}

struct Other { 1: i32 value }

struct Containers {
  1: map<string, i32> hashed (kitewire.container = "hash")
  2: set<Point> hashed_set (kitewire.container = "hash")
  3: map<string, list<set<i64>>> sorted (kitewire.container = "btree")
  4: map<double, i32> ordered
  5: list<map<i32, string> (kitewire.container = "hash")> inner
  6: map<Name, Color2> of_typedef (kitewire.container = "hash")
}
enum Color2 { A = 5 B C = 9 }

struct Strings {
  1: required string as_bytes (kitewire.bytes)
  2: required string as_text (kitewire.string = "text")
  3: list<string> many (kitewire.string = "text")
  4: optional string text_default = "t" (kitewire.string = "text")
  5: optional string bytes_default = "b" (kitewire.string = "bytes")
  6: map<string, i32> keys (kitewire.string = "text", kitewire.container = "hash")
}

struct Keeper {
  1: required string known
  2: optional i32 unknown_fields
} (kitewire.keep_unknown)

/** Words that Rust keeps for itself. */
struct type {
  1: optional string type
  2: optional string self
  3: optional string Self
  4: optional string match
  5: optional i32 async
  6: optional i32 fooBar
  7: optional i32 foo_bar
  8: optional i32 input
  9: optional i32 value
  10: optional i32 seen
  11: optional i32 field
  12: optional i32 call
  13: optional string _ (kitewire.name = "blank")
}

struct Option { 1: optional string text }
struct Vec { 1: list<Option> options }
struct String { 1: required string text = "s" }
struct Box { 1: optional Box box }
struct Result { 1: optional Default value }
struct Default { 1: i32 value = 1; }
struct Future { 1: optional bool bright }

struct ImplicitIds {
  string first
  optional i32 second
  7: i32 seventh
  i32 eighth
}

exception WithMessage { 1: required string message }
exception Error { 1: i32 code }

service Everywhere extends base.Base {
  /** Everything there and back. */
  Everything echo(1: Everything everything)
  void nothing()
  i64 sum(1: i32 a, 3: i64 b = 5)
  Names names(1: Names names, 2: base.Color color, i32 call) throws (1: WithMessage message, 2: Error error, 3: base.Refused refused, 4: Error again)
  void fails(1: optional Point point) throws (1: base.Refused success)
  oneway void push(1: string text)
  Choice clone(1: Choice choice)
  Result type(1: type type)
  list<Everything> new()
  base.Point watch(1: base.Point point) throws (1: base.Refused refused) (streaming.mode = "server")
  base.Point unary(1: base.Point point) (streaming.mode = "unary")
} (some.tool = "y")

service Silent {}
