// A plain HTTP client for `cargo xtask interop http`: Go's net/http, and nothing but the standard library.
//
//	plainhttp -address HOST:PORT    makes one request for each JSON line of its standard input
//
// Requests are made at once and beside each other, each version of HTTP with a transport of its own that keeps its connections. For each
// one a JSON line is printed when it ends.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"strings"
	"sync"
	"time"
)

// Request is a line of the standard input.
type Request struct {
	ID      uint64            `json:"id"`
	HTTP2   bool              `json:"http2"`
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Headers map[string]string `json:"headers"`
	// Bytes of the body, which is the same on both sides: see pattern.
	Size int `json:"size"`
	// The body goes out in pieces of unknown number.
	Chunked bool `json:"chunked"`
	// The server has to ask for the body.
	Expect    bool  `json:"expect"`
	TimeoutMs int64 `json:"timeout_ms"`
}

// Result is a line of the standard output.
type Result struct {
	ID      uint64            `json:"id"`
	Proto   string            `json:"proto"`
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Length  int               `json:"length"`
	// The answer's body is the request's.
	Same bool `json:"same"`
	// The answer's body, if it is short.
	Text string `json:"text"`
	// The server asked for the body.
	Continued bool `json:"continued"`
	// The connection had been used before.
	Reused bool `json:"reused"`
	// The address of this end, which tells connections apart.
	Local string `json:"local"`
	Error string `json:"error"`
}

// No run comes near this: a program that was left behind ends by itself.
const lifetime = 5 * time.Minute

// A longer text is not printed.
const short = 400

func main() {
	time.AfterFunc(lifetime, func() { os.Exit(3) })
	address := flag.String("address", "", "the server's host and port")
	flag.Parse()
	one, two := client(false), client(true)
	var printing sync.Mutex
	var running sync.WaitGroup
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var request Request
		if err := json.Unmarshal(lines.Bytes(), &request); err != nil {
			fmt.Fprintln(os.Stderr, "plainhttp:", err)
			os.Exit(2)
		}
		running.Add(1)
		go func() {
			defer running.Done()
			client := one
			if request.HTTP2 {
				client = two
			}
			result := request.run(client, *address)
			text, err := json.Marshal(result)
			if err != nil {
				panic(err)
			}
			printing.Lock()
			defer printing.Unlock()
			os.Stdout.Write(append(text, '\n'))
		}()
	}
	running.Wait()
}

func client(http2 bool) *http.Client {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!http2)
	protocols.SetUnencryptedHTTP2(http2)
	return &http.Client{Transport: &http.Transport{
		Protocols:             protocols,
		MaxIdleConnsPerHost:   1,
		ExpectContinueTimeout: 10 * time.Second,
	}}
}

func (r Request) run(client *http.Client, address string) (result Result) {
	result.ID, result.Headers = r.ID, map[string]string{}
	timeout := 20 * time.Second
	if r.TimeoutMs > 0 {
		timeout = time.Duration(r.TimeoutMs) * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		Got100Continue: func() { result.Continued = true },
		GotConn: func(info httptrace.GotConnInfo) {
			result.Reused = info.Reused
			result.Local = info.Conn.LocalAddr().String()
		},
	})
	sent := pattern(r.Size)
	var body io.Reader
	if r.Size > 0 {
		body = bytes.NewReader(sent)
	}
	if r.Chunked {
		body = io.MultiReader(bytes.NewReader(sent))
	}
	request, err := http.NewRequestWithContext(ctx, r.Method, "http://"+address+r.Path, body)
	if err != nil {
		result.Error = err.Error()
		return result
	}
	for name, value := range r.Headers {
		request.Header.Set(name, value)
	}
	if r.Expect {
		request.Header.Set("Expect", "100-continue")
	}
	response, err := client.Do(request)
	if err != nil {
		result.Error = err.Error()
		return result
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		result.Error = err.Error()
	}
	result.Proto, result.Status = response.Proto, response.StatusCode
	for name, values := range response.Header {
		result.Headers[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	result.Length, result.Same = len(got), bytes.Equal(sent, got)
	if len(got) <= short {
		result.Text = string(got)
	}
	return result
}

// pattern repeats with a length that no block has.
func pattern(size int) []byte {
	body := make([]byte, size)
	for i := range body {
		body[i] = byte(i % 251)
	}
	return body
}
