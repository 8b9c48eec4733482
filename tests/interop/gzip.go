//go:build gzip

package main

// A Kitex program knows gzip when it links this package.
import _ "github.com/cloudwego/kitex/pkg/remote/codec/protobuf/encoding/gzip"
