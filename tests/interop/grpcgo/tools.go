//go:build tools

// Package tools keeps the interop programs of grpc-go in go.mod, at the version that go.mod names.
package tools

import (
	_ "google.golang.org/grpc/interop/client"
	_ "google.golang.org/grpc/interop/server"
)
