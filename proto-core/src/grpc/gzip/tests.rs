use bytes::Bytes;

use super::*;

/// `hello` as Go's compress/gzip writes it: header, one block, checksum and length.
const HELLO: &[u8] =
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\xcaH\xcd\xc9\xc9\x07\x04\x00\x00\xff\xff\x86\xa6\x106\x05\x00\x00\x00";

const MAX: usize = 1 << 20;

fn packed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Gzip::default().compress(message, &mut out);
    out
}

fn unpacked(message: &[u8], max: usize) -> Result<Vec<u8>, GzipError> {
    let mut out = b"before".to_vec();
    let outcome = Gzip::default().decompress(message, max, &mut out);
    assert!(out.starts_with(b"before"));
    assert!(outcome.is_ok() || out.len() == 6, "an error appends nothing");
    outcome.map(|()| out.split_off(6))
}

/// Bytes without pattern.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let step = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    (0..len).map(step).collect()
}

#[test]
fn what_is_compressed_comes_back() {
    let mut gzip = Gzip::default();
    let zeros = vec![0; 300_000];
    let messages = [
        b"".to_vec(),
        b"hi".to_vec(),
        noise(1000),
        noise(100_000),
        zeros.clone(),
        b"abc".repeat(50_000),
    ];
    for _ in 0..2 {
        for message in &messages {
            let (mut compressed, mut out) = (b"x".to_vec(), b"y".to_vec());
            gzip.compress(message, &mut compressed);
            gzip.decompress(&compressed[1..], message.len(), &mut out).unwrap();
            assert_eq!(out[1..], message[..]);
        }
        gzip.release_memory();
    }
    assert!(packed(&zeros).len() < 1000);
    assert!(packed(&noise(100_000)).len() < 100_200);
}

#[test]
fn a_message_is_compressed_behind_its_prefix() {
    let large = Bytes::from(vec![5; 20_000]);
    let mut gzip = Gzip::default();
    for _ in 0..3 {
        let mut out = Output::new();
        let mark = message::begin(&mut out, message::Compression::Identity);
        out.put(b"small");
        out.put_shared(&large);
        out.put_shared(&large);
        out.put(b"end");
        message::finish(&mut out, mark, u32::MAX);
        gzip.pack(&mut out);
        let packed = out.to_vec();
        let prefix = message::parse(&packed, u32::MAX).unwrap().unwrap();
        assert_eq!(prefix.compression, message::Compression::Compressed);
        assert_eq!(prefix.length as usize, packed.len() - PREFIX_SIZE);
        assert_eq!(out.len(), packed.len());
        let expected = [b"small", &large[..], &large[..], b"end"].concat();
        assert_eq!(unpacked(&packed[PREFIX_SIZE..], MAX), Ok(expected));
    }
}

#[test]
fn what_go_writes_is_read() {
    assert_eq!(unpacked(HELLO, MAX), Ok(b"hello".to_vec()));
    assert_eq!(unpacked(&[HELLO, HELLO].concat(), MAX), Ok(b"hellohello".to_vec()));
    let (head, body) = HELLO.split_at(10);
    let mut named = head.to_vec();
    named[3] = EXTRA | NAME | COMMENT;
    named.extend_from_slice(b"\x03\x00abcname\0comment\0");
    assert_eq!(unpacked(&[named.as_slice(), body].concat(), MAX), Ok(b"hello".to_vec()));
    let mut summed = head.to_vec();
    summed[3] = HEAD_CRC;
    let mut crc = Crc::new();
    crc.update(&summed);
    summed.extend_from_slice(&crc.sum().to_le_bytes()[..2]);
    assert_eq!(
        unpacked(&[summed.as_slice(), body].concat(), MAX),
        Ok(b"hello".to_vec())
    );
    summed[10] ^= 1;
    assert_eq!(
        unpacked(&[summed.as_slice(), body].concat(), MAX),
        Err(GzipError::Header)
    );
}

#[test]
fn a_message_that_is_cut_off_is_refused_wherever() {
    assert_eq!(unpacked(b"", MAX), Err(GzipError::Empty));
    for message in [HELLO, &packed(&noise(5000))] {
        for end in 1..message.len() {
            assert_eq!(unpacked(&message[..end], MAX), Err(GzipError::Truncated), "{end}");
        }
    }
}

#[test]
fn damage_is_found() {
    let damaged = |at: usize| {
        let mut message = HELLO.to_vec();
        message[at] ^= 0xff;
        unpacked(&message, MAX)
    };
    for at in [0, 1, 2] {
        assert_eq!(damaged(at), Err(GzipError::Header));
    }
    for at in HELLO.len() - 8..HELLO.len() {
        assert_eq!(damaged(at), Err(GzipError::Checksum));
    }
    for at in 0..HELLO.len() {
        // Time, flags of the compressor and system mean nothing.
        assert!(damaged(at).is_err() || (4..10).contains(&at), "{at}");
    }
    for bit in 0..HELLO.len() * 8 {
        let mut message = HELLO.to_vec();
        message[bit / 8] ^= 1 << (bit % 8);
        let read = unpacked(&message, MAX);
        assert!(read.is_err() || read == Ok(b"hello".to_vec()), "{bit}");
    }
    let reserved_block = [&HELLO[..10], &[0x07; 20]].concat();
    assert_eq!(unpacked(&reserved_block, MAX), Err(GzipError::Corrupt));
    let trailing = [HELLO, b"no member at all"].concat();
    assert_eq!(unpacked(&trailing, MAX), Err(GzipError::Header));
    assert_eq!(unpacked(&[HELLO, &[0]].concat(), MAX), Err(GzipError::Truncated));
}

#[test]
fn the_limit_is_exact_and_a_bomb_stays_small() {
    let message = vec![7; 10_000];
    let compressed = packed(&message);
    assert_eq!(unpacked(&compressed, 10_000), Ok(message));
    for max in [9_999, 5_000, 1, 0] {
        assert_eq!(unpacked(&compressed, max), Err(GzipError::TooLarge(max)));
    }
    assert_eq!(unpacked(&packed(b""), 0), Ok(Vec::new()));

    let bomb = packed(&vec![0; 8 << 20]);
    let mut out = Vec::new();
    let outcome = Gzip::default().decompress(&bomb, 100_000, &mut out);
    assert_eq!(outcome, Err(GzipError::TooLarge(100_000)));
    assert!(out.capacity() <= 2 * 100_000, "{}", out.capacity());
}

#[test]
fn the_limit_is_for_all_members_together() {
    let many = HELLO.repeat(MAX_MEMBERS);
    assert_eq!(unpacked(&many, MAX_MEMBERS * 5), Ok(b"hello".repeat(MAX_MEMBERS)));
    assert_eq!(unpacked(&many, 12), Err(GzipError::TooLarge(12)));
    let more = HELLO.repeat(MAX_MEMBERS + 1);
    assert_eq!(unpacked(&more, MAX), Err(GzipError::TooManyMembers));
}

#[test]
fn the_texts_are_those_of_go() {
    let rows = [
        (GzipError::Empty, "EOF"),
        (GzipError::Header, "gzip: invalid header"),
        (GzipError::Corrupt, "flate: corrupt input"),
        (GzipError::Truncated, "unexpected EOF"),
        (GzipError::Checksum, "gzip: invalid checksum"),
        (GzipError::TooManyMembers, "gzip: too many members"),
        (
            GzipError::TooLarge(9),
            "grpc: received message after decompression larger than max 9",
        ),
    ];
    for (error, text) in rows {
        assert_eq!(error.to_string(), text);
    }
}
