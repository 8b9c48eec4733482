package main

import (
	"fmt"
	"math"
	"strings"

	"kitewire.test/interop/kitex_gen/interoppb"
)

// The samples of Proto.Types, named as those of Everything.types.
func scalarsSample(name string) (*interoppb.Scalars, error) {
	switch name {
	case "full":
		return fullScalars(), nil
	case "least":
		return &interoppb.Scalars{Sample: "least"}, nil
	case "edges":
		return edgeScalars(), nil
	case "zero in a map":
		return &interoppb.Scalars{Sample: name, MString: map[string]int64{"zero": 0}}, nil
	}
	return nil, fmt.Errorf("unknown sample %q", name)
}

func sameScalars(got *interoppb.Scalars) error {
	want, err := scalarsSample(got.GetSample())
	if err != nil {
		return err
	}
	return compare(got, want)
}

func keyPb(number int32, word string) *interoppb.Key {
	return &interoppb.Key{Number: number, Word: word}
}

func fullScalars() *interoppb.Scalars {
	return &interoppb.Scalars{
		Sample: "full", FBool: true, FInt32: -32, FInt64: -64, FUint32: 32, FUint64: 64, FSint32: -33, FSint64: -65,
		FFixed32: 132, FFixed64: 164, FSfixed32: -132, FSfixed64: -164, FFloat: 1.5, FDouble: -2.5,
		FBytes:   []byte{0, 0xff},
		FEnum:    interoppb.Hue_HUE_BLUE,
		FMessage: keyPb(7, "seven"),
		FTree:    &interoppb.Tree{Label: "root", Kids: []*interoppb.Tree{{Label: "leaf"}}},
		RInt32:   []int32{1, -1, 0},
		RString:  []string{"a", ""},
		RMessage: []*interoppb.Key{keyPb(1, "x"), keyPb(0, "")},
		REnum:    []interoppb.Hue{interoppb.Hue_HUE_RED, interoppb.Hue_HUE_NONE},
		MString:  map[string]int64{"one": 1, "two": 2},
		MMessage: map[int32]*interoppb.Key{5: keyPb(5, "five")},
		OInt32:   of[int32](0),
		OString:  of(""),
		Pick:     &interoppb.Scalars_Number{Number: 28},
		RDouble:  []float64{0.5, -0.5},
		RBytes:   [][]byte{{1}, {2, 3}},
	}
}

func edgeScalars() *interoppb.Scalars {
	edges := &interoppb.Scalars{
		Sample: "edges", FInt32: math.MinInt32, FInt64: math.MinInt64, FUint32: math.MaxUint32, FUint64: math.MaxUint64,
		FSint32: math.MinInt32, FSint64: math.MaxInt64, FFixed32: math.MaxUint32, FFixed64: math.MaxUint64,
		FSfixed32: math.MinInt32, FSfixed64: math.MinInt64, FFloat: float32(math.Inf(1)), FDouble: math.SmallestNonzeroFloat64,
		FBytes: []byte(strings.Repeat("\x00\xff", 10000)),
		FEnum:  77,
		Pick:   &interoppb.Scalars_Key{Key: keyPb(29, strings.Repeat("long ", 5000))},
	}
	for i := range int32(3000) {
		edges.RInt32 = append(edges.RInt32, i*i)
	}
	return edges
}
