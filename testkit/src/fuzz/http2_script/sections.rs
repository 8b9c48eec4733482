//! Pieces of header blocks, in the encoding of RFC 7541.

/// Heads of requests and of responses: usual ones, and none at all.
pub(super) const BASES: ([&[u8]; 8], [&[u8]; 8]) = (
    [
        // GET http peer /
        b"\x82\x86\x41\x04peer\x84",
        // POST http peer /index.html
        b"\x83\x86\x41\x04peer\x85",
        // POST with a content-length of 5
        b"\x83\x86\x41\x04peer\x84\x0f\x0d\x015",
        // GET with a path and a field that enter the table
        b"\x82\x87\x01\x04peer\x44\x04/a?b\x40\x02xa\x02vb",
        // HEAD
        b"\x42\x04HEAD\x86\x01\x04peer\x84",
        // CONNECT
        b"\x02\x07CONNECT\x01\x07peer:80",
        // OPTIONS *
        b"\x02\x07OPTIONS\x86\x01\x04peer\x04\x01*",
        b"",
    ],
    [
        // 200
        b"\x88",
        // 204
        b"\x89",
        // 200 with a content-length of 5
        b"\x88\x0f\x0d\x015",
        // 100
        b"\x08\x03100",
        // 103 with a field that enters the table
        b"\x48\x03103\x40\x04link\x02<>",
        // 304 with a content-length of 5
        b"\x8b\x0f\x0d\x015",
        // 404 and a field
        b"\x8d\x5f\x0atext/plain",
        b"",
    ],
);

/// More of a block. Those that break a rule are marked with it.
pub(super) const SNIPPETS: &[&[u8]] = &[
    b"\x40\x02xa\x02vb",
    b"\x40\x02xb\x00",
    b"\x00\x02xc\x01v",
    b"\x10\x0dauthorization\x01s",
    b"\x1f\x08\x01s",
    // The newest entries of the table; errors while it has none (RFC 7541 §2.3.3).
    b"\xbe",
    b"\xbf",
    b"\xc0",
    b"\x7e\x01w",
    // Huffman coded, in name and value.
    b"\x5f\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff",
    b"\x00\x88\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f\x01v",
    // Huffman padding that is too long, or holds zeros; EOS (RFC 7541 §5.2).
    b"\x00\x01x\x82\x1f\xff",
    b"\x00\x01x\x81\x18",
    b"\x00\x01x\x84\xff\xff\xff\xff",
    // Table sizes: nothing, the usual, too much, after a field (RFC 7541 §4.2).
    b"\x20",
    b"\x3f\xe1\x1f",
    b"\x3f\xe1\xff\x03",
    b"\x20\x3f\xe1\x1f",
    // Index 0; an integer without end (RFC 7541 §6.1, §5.1).
    b"\x80",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    // Lengths beyond the block.
    b"\x00\x7f\x7f",
    b"\x00\x01x\x05v",
    // Names: upper case, a space, a colon, none, a byte above ASCII (RFC 9113 §8.2.1).
    b"\x00\x02Xa\x01v",
    b"\x00\x03x a\x01v",
    b"\x00\x03x:a\x01v",
    b"\x00\x00\x01v",
    b"\x00\x02x\xff\x01v",
    // Values: NUL, LF, CR, a space at either end, bytes above ASCII, a control character (RFC 9113 §8.2.1).
    b"\x00\x01x\x03a\x00b",
    b"\x00\x01x\x03a\nb",
    b"\x00\x01x\x03a\rb",
    b"\x00\x01x\x02 v",
    b"\x00\x01x\x02v\t",
    b"\x00\x01x\x02\xc3\xa9",
    b"\x00\x01x\x03a\x7fb",
    b"\x00\x01x\x03a\x01b",
    // Fields about a connection (RFC 9113 §8.2.2).
    b"\x00\x0aconnection\x05close",
    b"\x00\x0akeep-alive\x011",
    b"\x00\x10proxy-connection\x011",
    b"\x0f\x2a\x07chunked",
    b"\x00\x07upgrade\x01x",
    b"\x00\x02te\x08trailers",
    b"\x00\x02te\x04gzip",
    b"\x00\x02te\x08Trailers",
    // Pseudo-header fields: again, late, unknown, of the other side (RFC 9113 §8.3).
    b"\x82",
    b"\x83",
    b"\x84",
    b"\x86",
    b"\x01\x05other",
    b"\x88",
    b"\x00\x09:nonsense\x01v",
    b"\x00\x09:protocol\x09websocket",
    b"\x04\x00",
    b"\x04\x05slash",
    b"\x04\x07/\xc3\xa9/ <",
    b"\x06\x01:",
    b"\x01\x06u@peer",
    b"\x0f\x17\x04peer",
    b"\x0f\x17\x05other",
    // content-length: another one, none, no number, a list, one that is too long (RFC 9113 §8.1.1).
    b"\x0f\x0d\x010",
    b"\x0f\x0d\x017",
    b"\x0f\x0d\x00",
    b"\x0f\x0d\x02+5",
    b"\x0f\x0d\x1418446744073709551621",
    // A status that is none.
    b"\x08\x02ab",
];
