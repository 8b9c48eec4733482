//! A step that both sides have taken, and what came of it.

use std::collections::BTreeSet;
use std::fmt;

use kitewire_proto::http::Fields;
use kitewire_proto::wire::hpack::{Decoded, Decoder};
use kitewire_proto::wire::http2::{ErrorCode, Flags, FrameHead, FrameType, HEAD_LEN, PREFACE, Payload, Setting, parse};

use super::super::http2_script::{Side, Step};
use super::view::{End, View};

/// The frame that both have just got, and what is known about it.
pub(super) struct Case {
    side: Side,
    bytes: Vec<u8>,
    /// The step is bytes, rather than what the application does.
    is_frame: bool,
    /// The peer has said what header lists it takes.
    advised: bool,
    /// Streams that the application has reset.
    cancelled: BTreeSet<u32>,
    head: Option<FrameHead>,
    decoder: Decoder,
    block: Vec<u8>,
    /// What the frame completed: a header list, or an error of its encoding.
    section: Option<Result<Fields, String>>,
    /// The frame is HEADERS or PRIORITY that names its own stream.
    pub(super) self_dependent: bool,
    /// What we say was wrong.
    pub(super) complaint: String,
    before: View,
}

/// What came of a frame, as far as it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It ended the connection.
    Connection(ErrorCode),
    /// It ended its stream.
    Stream(ErrorCode),
    /// It ended its stream for the application; the peer, which had ended it too, is not told.
    Failed,
    /// The application saw something of it, or the peer got an answer.
    Taken,
    /// Nothing.
    Ignored,
}

impl Case {
    pub(super) fn new(side: Side) -> Self {
        Self {
            side,
            bytes: Vec::new(),
            is_frame: false,
            advised: false,
            cancelled: BTreeSet::new(),
            head: None,
            decoder: Decoder::new(4_096),
            block: Vec::new(),
            section: None,
            self_dependent: false,
            complaint: String::new(),
            before: View::default(),
        }
    }

    pub(super) fn begin(&mut self, step: &Step) {
        self.section = None;
        self.head = None;
        self.self_dependent = false;
        self.is_frame = matches!(step, Step::Frame(_));
        let Step::Frame(bytes) = step else {
            if let Step::Cancel(id) = step {
                self.cancelled.insert(*id);
            }
            self.bytes = format!("{step:?}").into_bytes();
            return;
        };
        self.bytes.clone_from(bytes);
        self.head = FrameHead::parse(bytes.strip_prefix(PREFACE).unwrap_or(bytes));
        let Some(head) = self.head else {
            return;
        };
        let fragment = match parse(head, bytes.get(HEAD_LEN..).unwrap_or(&[])) {
            Ok(Payload::Headers { fragment, priority }) => {
                self.self_dependent = priority.is_some_and(|priority| priority.parent == head.stream);
                fragment.content
            }
            Ok(Payload::Continuation(fragment)) => fragment,
            Ok(Payload::Settings(mut settings)) => {
                self.advised |= settings.any(|setting| matches!(setting, Ok(Setting::MaxHeaderListSize(_))));
                return;
            }
            Ok(Payload::Priority(priority)) => {
                self.self_dependent = priority.parent == head.stream;
                return;
            }
            // Its padding may be wrong, too.
            Err(_) if head.frame_type == FrameType::HEADERS && head.flags.has(Flags::PRIORITY) => {
                let before = HEAD_LEN + usize::from(head.flags.has(Flags::PADDED));
                let parent = bytes.get(before..).and_then(<[u8]>::first_chunk);
                self.self_dependent = parent.is_some_and(|id| u32::from_be_bytes(*id) << 1 == head.stream.get() << 1);
                return;
            }
            _ => return,
        };
        if head.frame_type == FrameType::HEADERS {
            self.block.clear();
        }
        self.block.extend_from_slice(fragment);
        if head.flags.has(Flags::END_HEADERS) {
            let mut fields = Fields::new();
            self.section = Some(match self.decoder.decode(&self.block, usize::MAX, &mut fields) {
                Ok(Decoded::Complete | Decoded::TooLarge) => Ok(fields),
                Err(error) => Err(error.to_string()),
            });
        }
    }

    /// What `view` shows of the frame.
    pub(super) fn verdict(&self, view: &View) -> Verdict {
        if let Some(code) = view.go_away {
            return Verdict::Connection(ErrorCode(code));
        }
        let stream = self.stream().unwrap_or(0);
        match view.resets.get(&stream) {
            Some(code) if self.before.resets.get(&stream) != Some(code) => Verdict::Stream(ErrorCode(*code)),
            _ if view.end(stream) == Some(End::Failed) && self.before.end(stream) != Some(End::Failed) => {
                Verdict::Failed
            }
            _ if *view != self.before => Verdict::Taken,
            _ => Verdict::Ignored,
        }
    }

    /// Whether the step is one that both can take: no bytes that are not one frame, which go on with the next ones; no
    /// answer above what the peer takes, which we refuse to send (RFC 9113 §6.5.2 only advises); no promise on a stream
    /// that the application has reset, which the `h2` crate asserts not to get.
    pub(super) fn is_comparable(&self) -> bool {
        if !self.is_frame {
            return !self.advised;
        }
        let promise = self.is(FrameType::PUSH_PROMISE) && self.stream().is_some_and(|id| self.cancelled.contains(&id));
        let length = self.head.map(|head| HEAD_LEN + head.len as usize);
        let whole = length == Some(self.bytes.len()) || self.bytes.starts_with(PREFACE);
        whole && !promise
    }

    pub(super) fn end_before(&self) -> Option<End> {
        self.before.end(self.stream()?)
    }

    /// The stream has had a response that cannot have content.
    pub(super) fn answers_without_content(&self) -> bool {
        let seen = self.stream().and_then(|stream| self.before.streams.get(&stream));
        let head = seen.and_then(|seen| seen.head.as_ref());
        head.into_iter()
            .flatten()
            .any(|(name, value)| name == b":status" && matches!(&value[..], b"204" | b"304"))
    }

    /// The stream has had an interim response with a length.
    pub(super) fn had_length_too_early(&self) -> bool {
        let seen = self.stream().and_then(|stream| self.before.streams.get(&stream));
        let fields = seen.into_iter().flat_map(|seen| seen.interim.iter().flatten());
        fields.into_iter().any(|(name, _)| name == b"content-length")
    }

    pub(super) fn has_flag(&self, flag: Flags) -> bool {
        self.head.is_some_and(|head| head.flags.has(flag))
    }

    pub(super) fn ends_in_zero(&self) -> bool {
        self.bytes.ends_with(&[0; 4]) || self.bytes.ends_with(&[0x80, 0, 0, 0])
    }

    pub(super) fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let fields = self.section.as_ref().and_then(|section| section.as_ref().ok());
        fields.into_iter().flatten().map(|field| (field.name, field.value))
    }

    /// The section has a field that the types of the `http` crate cannot hold.
    pub(super) fn has_unfit_field(&self) -> bool {
        self.fields().any(|(name, value)| match name {
            b":method" => http::Method::from_bytes(value).is_err(),
            b":status" => http::StatusCode::from_bytes(value).is_err(),
            b":authority" | b":scheme" | b":path" | b":protocol" => str::from_utf8(value).is_err(),
            _ => http::HeaderName::from_lowercase(name).is_err() || http::HeaderValue::from_bytes(value).is_err(),
        })
    }

    /// The request is for something that the `http` crate cannot parse.
    pub(super) fn has_unfit_target(&self) -> bool {
        self.fields().any(|(name, value)| match name {
            b":scheme" => http::uri::Scheme::try_from(value).is_err(),
            b":authority" => http::uri::Authority::try_from(value).is_err(),
            b":path" => http::uri::PathAndQuery::try_from(value).is_err(),
            _ => false,
        })
    }

    /// The section is as large as was announced, or larger.
    pub(super) fn is_large(&self) -> bool {
        let limit = super::theirs::HEADER_LIST as usize;
        matches!(&self.section, Some(Ok(fields)) if fields.size() >= limit)
    }

    /// A character below the space, other than those that RFC 9113 §8.2.1 forbids and the tabulator.
    pub(super) fn has_control_character(&self) -> bool {
        let control = |byte: &u8| matches!(byte, 1..=8 | 11 | 12 | 14..=31 | 127);
        self.fields().any(|(_, value)| value.iter().any(control))
    }

    pub(super) fn is(&self, frame_type: FrameType) -> bool {
        self.head.is_some_and(|head| head.frame_type == frame_type)
    }

    /// The frame has completed a header block that can be decoded.
    pub(super) fn has_section(&self) -> bool {
        matches!(self.section, Some(Ok(_)))
    }

    /// The frame is part of a header block, and not its last.
    pub(super) fn is_open_block(&self) -> bool {
        (self.is(FrameType::HEADERS) || self.is(FrameType::CONTINUATION)) && self.section.is_none()
    }

    pub(super) fn is_refusal(&self, view: &View) -> bool {
        self.verdict(view) == Verdict::Stream(ErrorCode::REFUSED_STREAM)
    }

    pub(super) fn end(&mut self, view: &View) {
        self.before.clone_from(view);
    }

    /// The stream of the frame.
    pub(super) fn stream(&self) -> Option<u32> {
        self.head.map(|head| head.stream.get())
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.head {
            None => f.write_str("without a frame"),
            Some(head) => write!(f, "at {:?} with {:?} ({})", head.frame_type, head.flags, self.complaint),
        }
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case")
            .field("peer", &self.side)
            .field("bytes", &format_args!("{}", self.bytes.escape_ascii()))
            .field("head", &self.head)
            .field("section", &self.section)
            .field("before", &self.before)
            .finish_non_exhaustive()
    }
}
