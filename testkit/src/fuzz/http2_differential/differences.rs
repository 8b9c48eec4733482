//! Where the `h2` crate and we differ, and what RFC 9113 says about it.

use kitewire_proto::wire::http2::{ErrorCode, Flags, FrameType};

use super::case::{Case, Verdict};
use Verdict::{Connection, Failed, Ignored, Stream, Taken};

/// A known difference.
pub(super) struct Difference {
    pub(super) name: &'static str,
    /// The clause that decides, and how.
    pub(super) clause: &'static str,
    /// How much cannot be compared any more.
    pub(super) ends: Ends,
    pub(super) applies: fn(&Case, ours: Verdict, theirs: Verdict) -> bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// The stream of the frame.
    Stream,
    /// Everything.
    Comparison,
}

pub(super) static DIFFERENCES: &[Difference] = &[
    Difference {
        name: "a length that a frame type does not allow",
        clause: "RFC 9113 §4.2 asks for FRAME_SIZE_ERROR; h2 says PROTOCOL_ERROR",
        ends: Ends::Comparison,
        applies: |_, ours, theirs| ours == Connection(ErrorCode::FRAME_SIZE_ERROR) && theirs == PROTOCOL,
    },
    Difference {
        name: "a header block that cannot be decoded",
        clause: "RFC 9113 §4.3 asks for COMPRESSION_ERROR; h2 says PROTOCOL_ERROR",
        ends: Ends::Comparison,
        applies: |_, ours, theirs| ours == Connection(ErrorCode::COMPRESSION_ERROR) && theirs == PROTOCOL,
    },
    Difference {
        name: "an initial window above 2^31-1",
        clause: "RFC 9113 §6.5.2 asks for FLOW_CONTROL_ERROR; h2 says PROTOCOL_ERROR",
        ends: Ends::Comparison,
        applies: |case, ours, theirs| {
            case.is(FrameType::SETTINGS) && ours == Connection(ErrorCode::FLOW_CONTROL_ERROR) && theirs == PROTOCOL
        },
    },
    Difference {
        name: "a stream that depends on itself",
        clause: "RFC 9113 §4.3: the header block is decoded all the same, and §6.2: its padding counts; h2 drops it",
        ends: Ends::Comparison,
        applies: |case, _, _| case.self_dependent,
    },
    Difference {
        name: "a header block that is not whole",
        clause: "RFC 9113 §4.3: a block is decoded when its last frame is there; h2 judges each fragment",
        ends: Ends::Comparison,
        applies: |case, ours, _| {
            case.is_open_block() && ours == Ignored || case.complaint.contains("inside a header block")
        },
    },
    Difference {
        name: "body before the response",
        clause: "RFC 9113 §8.1.1 asks for a stream error; h2 ends the connection",
        ends: Ends::Comparison,
        applies: |case, ours, theirs| {
            case.is(FrameType::DATA) && ours == Stream(ErrorCode::PROTOCOL_ERROR) && theirs == PROTOCOL
        },
    },
    Difference {
        name: "a header list far above the limit",
        clause: "RFC 9113 §10.5.1 leaves the answer open; h2 ends the connection at four times the limit, we the stream",
        ends: Ends::Comparison,
        applies: |case, ours, theirs| {
            let broken = ours == Connection(ErrorCode::COMPRESSION_ERROR);
            (broken || case.is_large() && !matches!(ours, Connection(_)))
                && theirs == Connection(ErrorCode::ENHANCE_YOUR_CALM)
        },
    },
    Difference {
        name: "a header list at the limit or above",
        clause: "RFC 9113 §6.5.2 and §10.5.1: a list of the announced size is taken, a larger one refused in some way; h2 \
                 answers both with 431 and drops what it has of trailers",
        ends: Ends::Stream,
        applies: |case, ours, theirs| {
            case.is_large() && !matches!(ours, Connection(_)) && !matches!(theirs, Connection(_))
        },
    },
    Difference {
        name: "a field that the http crate has no place for",
        clause: "RFC 9113 §8.1.1 asks for a stream error; h2 ends the connection",
        ends: Ends::Comparison,
        applies: |case, ours, theirs| ours != Taken && theirs == PROTOCOL && case.has_unfit_field(),
    },
    Difference {
        name: "a control character in a value",
        clause: "RFC 9113 §8.2.1 forbids only NUL, CR and LF of them; h2 ends the connection over the others too",
        ends: Ends::Comparison,
        applies: |case, ours, theirs| ours == Taken && theirs == PROTOCOL && case.has_control_character(),
    },
    Difference {
        name: "a frame after the end",
        clause: "RFC 9113 §5.1, half-closed (remote) and closed, ask for a stream error STREAM_CLOSED; h2 says \
                 PROTOCOL_ERROR, for the connection or, if the section is malformed, for the stream",
        ends: Ends::Comparison,
        applies: |_, ours, theirs| {
            ours == Stream(ErrorCode::STREAM_CLOSED) && matches!(theirs, PROTOCOL | Stream(ErrorCode::PROTOCOL_ERROR))
        },
    },
    Difference {
        name: "a frame on a closed stream",
        clause: "RFC 9113 §5.1, closed, has a connection error STREAM_CLOSED; h2 has PROTOCOL_ERROR or a stream error",
        ends: Ends::Comparison,
        applies: |_, ours, theirs| {
            ours == Connection(ErrorCode::STREAM_CLOSED) && matches!(theirs, PROTOCOL | Stream(_))
        },
    },
    Difference {
        name: "nothing on a stream that the peer has reset",
        clause: "RFC 9113 §5.1, closed, allows to discard it; h2 answers DATA without a byte with RST_STREAM too",
        ends: Ends::Stream,
        applies: |case, ours, theirs| {
            case.is(FrameType::DATA) && ours == Ignored && theirs == Stream(ErrorCode::STREAM_CLOSED)
        },
    },
    Difference {
        name: "a frame on a stream that was never opened",
        clause: "RFC 9113 §5.1 and §5.1.1 ask for a connection error; h2 resets the stream, or does nothing if the id was \
                 passed over",
        ends: Ends::Comparison,
        applies: |case, ours, theirs| {
            ours == PROTOCOL
                && !matches!(theirs, Connection(_))
                && case.end_before().is_none()
                && case.complaint.contains("a frame on a")
        },
    },
    Difference {
        name: "PRIORITY of a wrong length",
        clause: "RFC 9113 §6.3 asks for a stream error FRAME_SIZE_ERROR; h2 ends the connection",
        ends: Ends::Comparison,
        applies: |case, ours, theirs| {
            case.is(FrameType::PRIORITY) && matches!(ours, Stream(_) | Connection(_) | Ignored) && theirs == PROTOCOL
        },
    },
    Difference {
        name: "a window that nobody sends into",
        clause: "RFC 9113 §6.9.1: no window is above 2^31-1; h2 does not keep it for a half that has ended",
        ends: Ends::Comparison,
        applies: |_, ours, theirs| {
            matches!(
                ours,
                Stream(ErrorCode::FLOW_CONTROL_ERROR) | Connection(ErrorCode::FLOW_CONTROL_ERROR)
            ) && matches!(theirs, Ignored | Taken)
        },
    },
    Difference {
        name: "a server that allows push",
        clause: "RFC 9113 §6.5.2: a server does not set SETTINGS_ENABLE_PUSH to 1; h2 lets it pass",
        ends: Ends::Comparison,
        applies: |case, ours, theirs| case.is(FrameType::SETTINGS) && ours == PROTOCOL && theirs == Taken,
    },
    Difference {
        name: "a table size that changes three times",
        clause: "RFC 7541 §4.2: at most two updates stand in one block; h2 takes any number",
        ends: Ends::Comparison,
        applies: |case, ours, theirs| {
            ours == Connection(ErrorCode::COMPRESSION_ERROR)
                && !is_broken(theirs)
                && case.complaint.contains("table size updates in one block")
        },
    },
    Difference {
        name: "the last bytes of a body that is too short",
        clause: "RFC 9113 §8.1.1 leaves it open how much of a malformed message is seen; h2 withholds them",
        ends: Ends::Stream,
        applies: |case, ours, theirs| {
            case.is(FrameType::DATA) && ours == Stream(ErrorCode::PROTOCOL_ERROR) && ours == theirs
        },
    },
    Difference {
        name: "content where there is none",
        clause: "RFC 9110 §6.4.1: 204 and 304 have no content, and RFC 9113 §8.1.1 counts it; h2 lets it pass",
        ends: Ends::Stream,
        applies: |case, ours, theirs| {
            case.is(FrameType::DATA) && ours == Stream(ErrorCode::PROTOCOL_ERROR) && theirs == Taken
        },
    },
    Difference {
        name: "a length where there is no content",
        clause: "RFC 9110 §8.6: content-length of a 304 is that of the 200 it stands for; h2 waits for the content",
        ends: Ends::Stream,
        applies: |case, ours, theirs| {
            ours == Taken
                && matches!(theirs, Failed | Stream(ErrorCode::PROTOCOL_ERROR))
                && case.answers_without_content()
        },
    },
    Difference {
        name: "a length in an interim response",
        clause: "RFC 9110 §8.6: there is none, and §15.2: nor content; h2 holds the final response to it",
        ends: Ends::Stream,
        applies: |case, ours, theirs| {
            ours == Taken && matches!(theirs, Failed | Stream(ErrorCode::PROTOCOL_ERROR)) && case.had_length_too_early()
        },
    },
    Difference {
        name: "a target that is no URI",
        clause: "RFC 9113 §8.3.1 wants the parts of a URI; what their characters are is the application's to check here",
        ends: Ends::Stream,
        applies: |case, ours, theirs| {
            ours == Taken && theirs == Stream(ErrorCode::PROTOCOL_ERROR) && case.has_unfit_target()
        },
    },
    Difference {
        name: "TE in capitals",
        clause: "RFC 9110 §10.1.4: the value is case-insensitive; h2 compares it letter by letter",
        ends: Ends::Stream,
        applies: |case, ours, theirs| {
            ours == Taken
                && matches!(theirs, Stream(ErrorCode::PROTOCOL_ERROR) | Taken)
                && case.fields().any(|(name, value)| name == b"te" && value == b"Trailers")
        },
    },
    Difference {
        name: "a window update by nothing",
        clause: "RFC 9113 §6.9 asks for a stream error; h2 ends the connection",
        ends: Ends::Comparison,
        applies: |case, ours, theirs| {
            case.is(FrameType::WINDOW_UPDATE)
                && !matches!(ours, Connection(_))
                && theirs == PROTOCOL
                && case.ends_in_zero()
        },
    },
    Difference {
        name: "a malformed request above the limit of streams",
        clause: "RFC 9113 §5.1.2 has REFUSED_STREAM, §8.1.1 PROTOCOL_ERROR; h2 looks at the request first",
        ends: Ends::Stream,
        applies: |case, ours, theirs| {
            case.has_section()
                && ours == Stream(ErrorCode::REFUSED_STREAM)
                && theirs == Stream(ErrorCode::PROTOCOL_ERROR)
        },
    },
    Difference {
        name: "a block that begins again",
        clause: "RFC 7541 §4.2: size updates stand at the beginning of a block; h2 takes them at that of a fragment",
        ends: Ends::Comparison,
        applies: |case, ours, theirs| {
            case.is(FrameType::CONTINUATION) && ours == Connection(ErrorCode::COMPRESSION_ERROR) && !is_broken(theirs)
        },
    },
    Difference {
        name: "the end after the peer's GOAWAY",
        clause: "RFC 9113 §6.8 leaves it open who closes; h2 does when its streams are done, with a GOAWAY of its own",
        ends: Ends::Comparison,
        applies: |_, ours, theirs| theirs == Connection(ErrorCode::NO_ERROR) && !matches!(ours, Connection(_)),
    },
    Difference {
        name: "an acknowledgement of no SETTINGS",
        clause: "RFC 9113 §6.5.3 says nothing; h2 ends the connection",
        ends: Ends::Comparison,
        applies: |case, ours, theirs| {
            case.is(FrameType::SETTINGS) && case.has_flag(Flags::ACK) && ours == Ignored && theirs == PROTOCOL
        },
    },
    Difference {
        name: "a promise where push is off",
        clause: "RFC 9113 §8.4 asks for a connection error; h2 ignores promises of streams that are gone",
        ends: Ends::Comparison,
        applies: |case, ours, theirs| case.is(FrameType::PUSH_PROMISE) && ours == PROTOCOL && theirs != PROTOCOL,
    },
    Difference {
        name: "a malformed section that h2 lets pass",
        clause: "RFC 9113 §8.1, §8.2 and §8.3 ask for a stream error",
        ends: Ends::Stream,
        applies: |case, ours, theirs| {
            case.has_section()
                && ours == Stream(ErrorCode::PROTOCOL_ERROR)
                && theirs == Taken
                && LENIENT.contains(&case.complaint.as_str())
        },
    },
    Difference {
        name: "a malformed fragment that ends inside a field",
        clause: "RFC 9113 §8.1.1 asks for a stream error; h2 forgets what it has seen when the field goes on",
        ends: Ends::Stream,
        applies: |case, ours, theirs| {
            case.is(FrameType::CONTINUATION) && ours == Stream(ErrorCode::PROTOCOL_ERROR) && theirs == Taken
        },
    },
    Difference {
        name: "the rest of a malformed block",
        clause: "RFC 9113 §4.3: the block goes on whatever becomes of its stream; h2 has given it up at a fragment",
        ends: Ends::Comparison,
        applies: |case, ours, theirs| {
            case.is(FrameType::CONTINUATION) && !matches!(ours, Connection(_)) && theirs == PROTOCOL
        },
    },
    Difference {
        name: "a section on a stream that is gone",
        clause: "RFC 9113 §5.1, closed, allows to discard it and to end the connection; h2 does the latter",
        ends: Ends::Comparison,
        applies: |case, ours, theirs| case.has_section() && ours == Ignored && theirs == PROTOCOL,
    },
    Difference {
        name: "no RST_STREAM where both sides have said everything",
        clause: "RFC 9113 §5.4.2: a stream error is told with RST_STREAM; h2 keeps it to itself on a closed stream",
        ends: Ends::Stream,
        applies: |_, ours, theirs| matches!(ours, Stream(_)) && theirs == Failed,
    },
];

/// Whether the connection has ended with an error. Without one, the h2 crate ends it with its last stream once the peer has said GOAWAY.
fn is_broken(verdict: Verdict) -> bool {
    matches!(verdict, Connection(code) if code != ErrorCode::NO_ERROR)
}

/// What we say of sections that h2 takes.
const LENIENT: [&str; 9] = [
    "a field value with a forbidden character",
    "a request pseudo-header field in a response",
    "a pseudo-header field in trailers",
    "content-length fields that differ",
    "content-length is not a number",
    "host is not :authority",
    "more than one host field",
    "no :path",
    "te in a response",
];

const PROTOCOL: Verdict = Connection(ErrorCode::PROTOCOL_ERROR);
