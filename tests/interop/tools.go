//go:build tools

// Package main names the generators, so that go.mod keeps their versions.
package main

import (
	_ "github.com/cloudwego/kitex/tool/cmd/kitex"
	_ "github.com/cloudwego/thriftgo"
)
