package main

import (
	"fmt"
	"math"
	"strings"

	"kitewire.test/interop/kitex_gen/common"
	"kitewire.test/interop/kitex_gen/interop"
)

// The samples of Everything.types; the Rust peers build the same ones. "full" sets everything, "least" only what must be there, "edges"
// takes each type to its ends.
func typesSample(name string) (*interop.Types, error) {
	switch name {
	case "full":
		return fullTypes(), nil
	case "least":
		return leastTypes(), nil
	case "edges":
		return edgeTypes(), nil
	}
	return nil, fmt.Errorf("unknown sample %q", name)
}

func sameTypes(got *interop.Types) error {
	want, err := typesSample(got.GetSample())
	if err != nil {
		return err
	}
	return compare(got, want)
}

func of[T any](value T) *T { return &value }

func key(number int32, word string) *common.Key { return &common.Key{Number: number, Word: word} }

func leastTypes() *interop.Types {
	return &interop.Types{
		Sample:     "least",
		FStruct:    key(0, ""),
		FTree:      &interop.Tree{},
		FUnion:     &interop.Choice{Number: of[int32](0)},
		FException: &common.Refused{},
		FDefaults:  interop.NewDefaults(),
		FEnum:      common.Color_RED,
	}
}

func fullTypes() *interop.Types {
	return &interop.Types{
		Sample:   "full",
		FBool:    true,
		FByte:    -5,
		FI8:      6,
		FI16:     -1616,
		FI32:     323232,
		FI64:     -6464646464,
		FDouble:  2.5,
		FString:  "grüße, 世界 🎏",
		FBinary:  []byte{0, 1, 0xfe, 0xff},
		FEnum:    common.Color_BLUE,
		FTypedef: "name",
		FStruct:  key(7, "seven"),
		FTree: &interop.Tree{
			Label: "root",
			Kids:  []*interop.Tree{{Label: "left", Kids: []*interop.Tree{{Label: "leaf"}}}, {Label: "right"}},
			Next:  &interop.Tree{Label: "next", Kids: []*interop.Tree{}},
		},
		FUnion:     &interop.Choice{Word: of("chosen")},
		FException: &common.Refused{Code: 3, Why: of("why")},
		FDefaults: &interop.Defaults{
			Number: 8, Word: "changed", Changed: 6, Yes: false, Half: 0.25, List: []int32{4}, Map: map[string]int32{"c": 3},
			Color: common.Color_RED, Plain: 9, Text: "t", Maybe: common.Color_GREEN,
		},
		LBool:     []bool{true, false, true},
		LByte:     []int8{1, -1, 0},
		LI16:      []int16{16, -16},
		LI32:      []int32{32, -32, 0},
		LI64:      []int64{64, -64},
		LDouble:   []float64{0.1, -1e300},
		LString:   []string{"a", "", "c"},
		LBinary:   [][]byte{{1, 2}, {}},
		LEnum:     []common.Color{common.Color_RED, common.Color_GREEN},
		LStruct:   []*common.Key{key(1, "x"), key(2, "y")},
		LUnion:    []*interop.Choice{{Number: of[int32](5)}, {Key: key(6, "k")}, {List: []int64{1, 2}}},
		SString:   []string{"q", "p"},
		SI64:      []int64{3, 1, 2},
		SStruct:   []*common.Key{key(2, "b"), key(1, "a")},
		SEnum:     []common.Color{common.Color_GREEN, common.Color_BLUE},
		MString:   map[string]int64{"one": 1, "two": 2},
		MI32:      map[int32]string{-1: "minus", 1: "plus"},
		MBool:     map[bool]int8{true: 1, false: 0},
		MEnum:     map[common.Color]float64{common.Color_RED: 0.5, common.Color_BLUE: -0.5},
		MStruct:   interop.Index{key(1, "k"): {"a", "b"}, key(2, "l"): {}},
		MToStruct: map[int64]*common.Key{10: key(10, "ten")},
		MByte:     map[int8][]byte{-8: {8}},
		MI16:      map[int16]bool{16: true},
		NLists:    [][]int32{{1, 2}, {}, {3}},
		NMixed:    []map[int32][]string{{1: {"x", "y"}}, {}},
		NMaps:     map[string]map[int32][][]byte{"m": {1: {{1}, {2, 3}}}},
		NStructs:  map[string][]*common.Key{"s": {key(4, "four")}},
		OBool:     of(false),
		OByte:     of[int8](0),
		OI16:      of[int16](0),
		OI32:      of[int32](0),
		OI64:      of[int64](0),
		ODouble:   of(0.0),
		OString:   of(""),
		OBinary:   []byte{},
		OEnum:     of(common.Color_GREEN),
		OStruct:   key(0, "o"),
		OList:     []int32{},
		OSet:      []string{"only"},
		OMap:      map[string]string{},
		OUnion:    &interop.Choice{List: []int64{}},
		Type:      of("type"),
		Self:      of("self"),
		Func:      of("func"),
		Match:     of("match"),
		Async:     of("async"),
		WideId:    of(true),
		WidestId:  of[int32](32767),
	}
}

func edgeTypes() *interop.Types {
	deep := &interop.Tree{Label: "bottom"}
	for range 30 {
		deep = &interop.Tree{Label: "level", Next: deep}
	}
	edges := leastTypes()
	edges.Sample = "edges"
	edges.FByte, edges.FI8 = math.MinInt8, math.MaxInt8
	edges.FI16, edges.FI32, edges.FI64 = math.MinInt16, math.MaxInt32, math.MinInt64
	edges.FDouble = math.Inf(-1)
	edges.FString = strings.Repeat("long ", 5000)
	edges.FBinary = []byte(strings.Repeat("\x00\xff", 10000))
	edges.FEnum = 77
	edges.FTree = deep
	edges.LI64 = []int64{math.MaxInt64, math.MinInt64}
	edges.LDouble = []float64{math.Copysign(0, -1), math.MaxFloat64, math.SmallestNonzeroFloat64}
	for i := range int32(3000) {
		edges.LI32 = append(edges.LI32, i*i)
	}
	edges.MString = map[string]int64{}
	for i := range int64(200) {
		edges.MString[fmt.Sprint("key-", i)] = i
	}
	edges.OI64 = of[int64](math.MaxInt64)
	edges.OEnum = of(common.Color(-1000))
	return edges
}
