//! Field compression: what is accepted (h2spec's `generic/5`) and what is not (`hpack`).

use kitewire_proto::http::Sensitivity;

use crate::case::{COMPRESSION, Case, Expect};
use crate::script::Script;
use crate::wire::{self, END, block};

/// `user-agent` in the static table (RFC 7541 appendix A).
const USER_AGENT: usize = 58;

/// `user-agent`, `x-test` and `h2spec` as strings, plain and Huffman coded.
const USER_AGENT_NAME: &str = "user-agent";
const X_TEST: &[u8] = b"\x06x-test";
const X_TEST_HUFFMAN: &[u8] = b"\x85\xf2\xb2\x4a\x84\xff";
const H2SPEC: &[u8] = b"\x06h2spec";
const H2SPEC_HUFFMAN: &[u8] = b"\x84\x9c\x48\xac\xa4";

/// The representations of a literal (RFC 7541 §6.2): pattern and bits of the name's index.
const INCREMENTAL: (u8, u32) = (0x40, 6);
const WITHOUT_INDEXING: (u8, u32) = (0x00, 4);
const NEVER_INDEXED: (u8, u32) = (0x10, 4);

pub(crate) const CASES: &[Case] = &[
    Case {
        id: "generic/5/1",
        rfc: "RFC 7541 §6.1",
        about: "an indexed field",
        expect: Expect::Answer(1),
        send: |peer| {
            peer.handshake();
            let mut block = block(&wire::GET);
            wire::put_integer(USER_AGENT, 7, 0x80, &mut block);
            peer.headers(1, END, &block);
            peer.check_field(1, USER_AGENT_NAME, "");
        },
    },
    Case {
        id: "generic/5/2",
        rfc: "RFC 7541 §6.2.1",
        about: "a literal with incremental indexing, indexed name",
        expect: Expect::Answer(3),
        send: |peer| indexed_name(peer, INCREMENTAL, H2SPEC),
    },
    Case {
        id: "generic/5/3",
        rfc: "RFC 7541 §6.2.1",
        about: "a literal with incremental indexing, indexed name, Huffman coded",
        expect: Expect::Answer(3),
        send: |peer| indexed_name(peer, INCREMENTAL, H2SPEC_HUFFMAN),
    },
    Case {
        id: "generic/5/4",
        rfc: "RFC 7541 §6.2.1",
        about: "a literal with incremental indexing, new name",
        expect: Expect::Answer(3),
        send: |peer| new_name(peer, INCREMENTAL, X_TEST, H2SPEC),
    },
    Case {
        id: "generic/5/5",
        rfc: "RFC 7541 §6.2.1",
        about: "a literal with incremental indexing, new name, Huffman coded",
        expect: Expect::Answer(3),
        send: |peer| new_name(peer, INCREMENTAL, X_TEST_HUFFMAN, H2SPEC_HUFFMAN),
    },
    Case {
        id: "generic/5/6",
        rfc: "RFC 7541 §6.2.2",
        about: "a literal without indexing, indexed name",
        expect: Expect::Answer(1),
        send: |peer| indexed_name(peer, WITHOUT_INDEXING, H2SPEC),
    },
    Case {
        id: "generic/5/7",
        rfc: "RFC 7541 §6.2.2",
        about: "a literal without indexing, indexed name, Huffman coded",
        expect: Expect::Answer(1),
        send: |peer| indexed_name(peer, WITHOUT_INDEXING, H2SPEC_HUFFMAN),
    },
    Case {
        id: "generic/5/8",
        rfc: "RFC 7541 §6.2.2",
        about: "a literal without indexing, new name",
        expect: Expect::Answer(1),
        send: |peer| new_name(peer, WITHOUT_INDEXING, X_TEST, H2SPEC),
    },
    Case {
        id: "generic/5/9",
        rfc: "RFC 7541 §6.2.2",
        about: "a literal without indexing, new name, Huffman coded",
        expect: Expect::Answer(1),
        send: |peer| new_name(peer, WITHOUT_INDEXING, X_TEST_HUFFMAN, H2SPEC_HUFFMAN),
    },
    Case {
        id: "generic/5/10",
        rfc: "RFC 7541 §6.2.3",
        about: "a literal never indexed, indexed name",
        expect: Expect::Answer(1),
        send: |peer| indexed_name(peer, NEVER_INDEXED, H2SPEC),
    },
    Case {
        id: "generic/5/11",
        rfc: "RFC 7541 §6.2.3",
        about: "a literal never indexed, indexed name, Huffman coded",
        expect: Expect::Answer(1),
        send: |peer| indexed_name(peer, NEVER_INDEXED, H2SPEC_HUFFMAN),
    },
    Case {
        id: "generic/5/12",
        rfc: "RFC 7541 §6.2.3",
        about: "a literal never indexed, new name",
        expect: Expect::Answer(1),
        send: |peer| new_name(peer, NEVER_INDEXED, X_TEST, H2SPEC),
    },
    Case {
        id: "generic/5/13",
        rfc: "RFC 7541 §6.2.3",
        about: "a literal never indexed, new name, Huffman coded",
        expect: Expect::Answer(1),
        send: |peer| new_name(peer, NEVER_INDEXED, X_TEST_HUFFMAN, H2SPEC_HUFFMAN),
    },
    Case {
        id: "generic/5/14",
        rfc: "RFC 7541 §6.3",
        about: "a dynamic table size update",
        expect: Expect::Answer(1),
        send: |peer| {
            peer.handshake();
            let mut bytes = Vec::new();
            wire::put_integer(128, 5, 0x20, &mut bytes);
            bytes.extend(block(&wire::GET));
            peer.headers(1, END, &bytes);
        },
    },
    Case {
        id: "generic/5/15",
        rfc: "RFC 7541 §4.2",
        about: "two dynamic table size updates, the smallest and the last",
        expect: Expect::Answer(1),
        send: |peer| {
            peer.handshake();
            let mut bytes = Vec::new();
            wire::put_integer(128, 5, 0x20, &mut bytes);
            wire::put_integer(4096, 5, 0x20, &mut bytes);
            bytes.extend(block(&wire::GET));
            peer.headers(1, END, &bytes);
        },
    },
    Case {
        id: "hpack/2.3.3/1",
        rfc: "RFC 7541 §2.3.3",
        about: "an indexed field one behind the dynamic table",
        expect: Expect::ConnectionError(COMPRESSION),
        send: |peer| one_entry_and(peer, &[0x80 | 63]),
    },
    Case {
        id: "hpack/2.3.3/2",
        rfc: "RFC 7541 §2.3.3",
        about: "a literal whose name is indexed one behind the dynamic table",
        expect: Expect::ConnectionError(COMPRESSION),
        // An index of 63 fills the six bits, so that a zero follows; the value is empty.
        send: |peer| one_entry_and(peer, &[0x40 | 63, 0, 0]),
    },
    Case {
        id: "hpack/4.2/1",
        rfc: "RFC 7541 §4.2",
        about: "a dynamic table size update at the end of a block",
        expect: Expect::ConnectionError(COMPRESSION),
        send: |peer| get_and(peer, &[0x20 | 1]),
    },
    Case {
        id: "hpack/5.2/1",
        rfc: "RFC 7541 §5.2",
        about: "a Huffman-coded string with more than 7 bits of padding",
        expect: Expect::ConnectionError(COMPRESSION),
        send: |peer| get_and(peer, &[b"\0", X_TEST_HUFFMAN, b"\x84\x49\x50\x9f\xff"].concat()),
    },
    Case {
        id: "hpack/5.2/2",
        rfc: "RFC 7541 §5.2",
        about: "a Huffman-coded string padded with zeros",
        expect: Expect::ConnectionError(COMPRESSION),
        send: |peer| get_and(peer, &[b"\0", X_TEST_HUFFMAN, b"\x83\x49\x50\x90"].concat()),
    },
    Case {
        id: "hpack/5.2/3",
        rfc: "RFC 7541 §5.2",
        about: "a Huffman-coded string with the EOS symbol in it",
        expect: Expect::ConnectionError(COMPRESSION),
        send: |peer| {
            get_and(
                peer,
                &[b"\0", X_TEST_HUFFMAN, b"\x87\x49\x51\xff\xff\xff\xfa\x7f"].concat(),
            )
        },
    },
    Case {
        id: "hpack/6.1/1",
        rfc: "RFC 7541 §6.1",
        about: "an indexed field with index 0",
        expect: Expect::ConnectionError(COMPRESSION),
        send: |peer| get_and(peer, &[0x80]),
    },
    Case {
        id: "hpack/6.3/1",
        rfc: "RFC 7541 §6.3",
        about: "a dynamic table size update above SETTINGS_HEADER_TABLE_SIZE",
        expect: Expect::ConnectionError(COMPRESSION),
        send: |peer| {
            peer.handshake();
            let most = peer.announced(wire::HEADER_TABLE_SIZE).unwrap_or(4096);
            let mut bytes = Vec::new();
            wire::put_integer(most as usize + 1, 5, 0x20, &mut bytes);
            bytes.extend(block(&wire::GET));
            peer.headers(1, END, &bytes);
        },
    },
];

/// A request with `user-agent: h2spec`, its name from the static table.
fn indexed_name(peer: &mut Script, representation: (u8, u32), value: &[u8]) {
    let (pattern, bits) = representation;
    let mut literal = Vec::new();
    wire::put_integer(USER_AGENT, bits, pattern, &mut literal);
    literal.extend(value);
    literal_field(peer, representation, USER_AGENT_NAME, &literal);
}

/// A request with `x-test: h2spec`.
fn new_name(peer: &mut Script, representation: (u8, u32), name: &[u8], value: &[u8]) {
    let literal = [&[representation.0], name, value].concat();
    literal_field(peer, representation, "x-test", &literal);
}

fn literal_field(peer: &mut Script, representation: (u8, u32), name: &str, literal: &[u8]) {
    peer.handshake();
    peer.headers(1, END, &[&block(&wire::GET), literal].concat());
    peer.check_field(1, name, "h2spec");
    if representation == INCREMENTAL {
        // The newest entry of the dynamic table is the first behind the static table.
        peer.headers(3, END, &[&block(&wire::GET)[..], &[0x80 | 62]].concat());
        peer.check_field(3, name, "h2spec");
    }
    let head = peer.streams.get(&1).and_then(|seen| seen.head.as_ref());
    let field = head.and_then(|head| head.iter().find(|field| field.name == name.as_bytes()));
    let sensitive = field.is_some_and(|field| field.sensitivity == Sensitivity::Sensitive);
    peer.check(
        sensitive == (representation == NEVER_INDEXED),
        "only what is never indexed is sensitive",
    );
}

/// A request with `bytes` behind its fields.
fn get_and(peer: &mut Script, bytes: &[u8]) {
    peer.handshake();
    peer.headers(1, END, &[&block(&wire::GET), bytes].concat());
}

/// The same where the dynamic table has one entry, index 62.
fn one_entry_and(peer: &mut Script, bytes: &[u8]) {
    get_and(peer, &[&[INCREMENTAL.0], X_TEST, H2SPEC, bytes].concat());
}
