// The Kitex side of `cargo xtask interop pingpong`, `interop grpc` and `interop ttstream`: one program that is a Kitex server or a Kitex client.
//
//	peer server -config JSON    serves until its standard input ends; the line "stop" stops it gracefully
//	peer client                 makes one ping-pong call for each JSON line of its standard input
//	peer streams                makes one call over gRPC or one stream over TTHeader for each JSON line of its standard input
//
// Both speak in JSON lines on standard output; README.md has the words of these lines. Kitex's own log goes to standard error.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/cloudwego/kitex/pkg/klog"
)

// No run of the interop suite comes near this: a peer that was left behind ends by itself.
const lifetime = 10 * time.Minute

func main() {
	klog.SetLevel(klog.LevelWarn)
	time.AfterFunc(lifetime, func() { os.Exit(3) })
	role := ""
	if len(os.Args) > 1 {
		role = os.Args[1]
	}
	var err error
	switch role {
	case "server":
		err = runServer(os.Args[2:])
	case "client":
		err = runClient()
	case "streams":
		err = runStreams()
	default:
		err = fmt.Errorf("usage: peer server -config JSON | peer client | peer streams")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(2)
	}
}

var printing sync.Mutex

// say prints one JSON line.
func say(line any) {
	text, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}
	printing.Lock()
	defer printing.Unlock()
	os.Stdout.Write(append(text, '\n'))
}
