package main

import (
	"kitewire.test/interop/kitex_gen/strangestreamspb"
	"kitewire.test/interop/kitex_gen/streams"
	"kitewire.test/interop/kitex_gen/streamspb"
)

// lines makes and reads the messages of one IDL: each has a text and nothing else.
type lines[M any] struct {
	wrap func(text string) *M
	text func(*M) string
}

var thriftLines = lines[streams.Line]{
	wrap: func(text string) *streams.Line { return &streams.Line{Text: text} },
	text: (*streams.Line).GetText,
}

var protobufLines = lines[streamspb.Line]{
	wrap: func(text string) *streamspb.Line { return &streamspb.Line{Text: text} },
	text: (*streamspb.Line).GetText,
}

var strangeLines = lines[strangestreamspb.Line]{
	wrap: func(text string) *strangestreamspb.Line { return &strangestreamspb.Line{Text: text} },
	text: (*strangestreamspb.Line).GetText,
}
