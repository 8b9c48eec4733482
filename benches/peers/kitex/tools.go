//go:build tools

// Package tools keeps the generator that the build runs in go.mod.
package tools

import (
	_ "github.com/cloudwego/kitex/tool/cmd/kitex"
	_ "github.com/cloudwego/thriftgo"
)
