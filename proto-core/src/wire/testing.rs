//! Helpers of the codecs' unit tests.

use std::fmt::Debug;

use crate::error::DecodeError;

/// Bytes from hex digits; white space is ignored.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(|byte| u8::try_from(char::from(byte).to_digit(16).expect("a hex digit")).unwrap())
        .collect();
    assert_eq!(digits.len() % 2, 0, "odd number of digits");
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// Runs `parse` on every prefix of `input`. Once it has decided, longer prefixes must not change its mind.
pub(crate) fn every_split<T: PartialEq + Debug>(
    input: &[u8],
    mut parse: impl FnMut(&[u8]) -> Result<Option<T>, DecodeError>,
) -> Result<Option<T>, DecodeError> {
    let whole = parse(input);
    let mut decided = false;
    for cut in 0..input.len() {
        match parse(&input[..cut]) {
            Ok(None) => assert!(!decided, "asks for more at {cut}, after it had decided"),
            answer => {
                assert_eq!(answer, whole, "at {cut} of {}", input.len());
                decided = true;
            }
        }
    }
    whole
}
