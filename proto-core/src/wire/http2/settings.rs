//! SETTINGS (RFC 9113 §6.5).

use std::fmt;

use super::{ErrorCode, LARGEST_MAX_FRAME_SIZE, MAX_WINDOW};

/// One entry of a SETTINGS frame whose value is legal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Setting {
    /// The largest compression table that the sender's decoder keeps.
    HeaderTableSize(u32),
    /// Whether the sender takes pushed streams: 0 or 1.
    EnablePush(u32),
    /// How many streams the receiver may have open at once.
    MaxConcurrentStreams(u32),
    /// The window that each stream begins with, at most 2^31-1.
    InitialWindowSize(u32),
    /// The largest frame payload that the sender takes, 16,384 to 16,777,215.
    MaxFrameSize(u32),
    /// The largest field section that the sender takes; advice.
    MaxHeaderListSize(u32),
    /// Whether extended CONNECT is understood (RFC 8441): 0 or 1.
    EnableConnectProtocol(u32),
    /// Any other identifier, to be ignored.
    Unknown {
        /// The identifier.
        id: u16,
        /// Its value.
        value: u32,
    },
}

/// The entries of a SETTINGS payload, in order.
#[derive(Clone, Debug)]
pub struct Settings<'a> {
    rest: &'a [u8],
}

/// An entry with a value that its identifier does not allow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SettingsError {
    /// SETTINGS_ENABLE_PUSH is neither 0 nor 1.
    EnablePush(u32),
    /// SETTINGS_INITIAL_WINDOW_SIZE is above 2^31-1.
    InitialWindowSize(u32),
    /// SETTINGS_MAX_FRAME_SIZE is below 16,384 or above 16,777,215.
    MaxFrameSize(u32),
    /// SETTINGS_ENABLE_CONNECT_PROTOCOL is neither 0 nor 1.
    EnableConnectProtocol(u32),
}

impl<'a> Settings<'a> {
    /// Bytes of one entry.
    pub const ENTRY: usize = 6;

    /// Entries of a payload whose length is a multiple of six.
    #[must_use]
    pub(super) const fn new(payload: &'a [u8]) -> Self {
        Self { rest: payload }
    }
}

impl Iterator for Settings<'_> {
    type Item = Result<Setting, SettingsError>;

    fn next(&mut self) -> Option<Self::Item> {
        let ([a, b, c, d, e, f], rest) = self.rest.split_first_chunk::<{ Settings::ENTRY }>()?;
        self.rest = rest;
        let id = u16::from_be_bytes([*a, *b]);
        let value = u32::from_be_bytes([*c, *d, *e, *f]);
        Some(Setting::checked(id, value))
    }
}

impl Setting {
    /// Identifier and value, as on the wire.
    #[must_use]
    pub const fn entry(self) -> (u16, u32) {
        match self {
            Self::HeaderTableSize(value) => (0x1, value),
            Self::EnablePush(value) => (0x2, value),
            Self::MaxConcurrentStreams(value) => (0x3, value),
            Self::InitialWindowSize(value) => (0x4, value),
            Self::MaxFrameSize(value) => (0x5, value),
            Self::MaxHeaderListSize(value) => (0x6, value),
            Self::EnableConnectProtocol(value) => (0x8, value),
            Self::Unknown { id, value } => (id, value),
        }
    }

    fn checked(id: u16, value: u32) -> Result<Self, SettingsError> {
        Ok(match id {
            0x1 => Self::HeaderTableSize(value),
            0x2 if value > 1 => return Err(SettingsError::EnablePush(value)),
            0x2 => Self::EnablePush(value),
            0x3 => Self::MaxConcurrentStreams(value),
            0x4 if value > MAX_WINDOW => return Err(SettingsError::InitialWindowSize(value)),
            0x4 => Self::InitialWindowSize(value),
            0x5 if !(super::DEFAULT_MAX_FRAME_SIZE..=LARGEST_MAX_FRAME_SIZE).contains(&value) => {
                return Err(SettingsError::MaxFrameSize(value));
            }
            0x5 => Self::MaxFrameSize(value),
            0x6 => Self::MaxHeaderListSize(value),
            0x8 if value > 1 => return Err(SettingsError::EnableConnectProtocol(value)),
            0x8 => Self::EnableConnectProtocol(value),
            _ => Self::Unknown { id, value },
        })
    }
}

impl SettingsError {
    /// The code of the connection error that it is (RFC 9113 §6.5.2).
    #[must_use]
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::InitialWindowSize(_) => ErrorCode::FLOW_CONTROL_ERROR,
            Self::EnablePush(_) | Self::MaxFrameSize(_) | Self::EnableConnectProtocol(_) => ErrorCode::PROTOCOL_ERROR,
        }
    }

    /// What is wrong, without the value.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::EnablePush(_) => "SETTINGS_ENABLE_PUSH is neither 0 nor 1",
            Self::InitialWindowSize(_) => "SETTINGS_INITIAL_WINDOW_SIZE is above 2^31-1",
            Self::MaxFrameSize(_) => "SETTINGS_MAX_FRAME_SIZE is not between 16384 and 16777215",
            Self::EnableConnectProtocol(_) => "SETTINGS_ENABLE_CONNECT_PROTOCOL is neither 0 nor 1",
        }
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::EnablePush(value)
        | Self::InitialWindowSize(value)
        | Self::MaxFrameSize(value)
        | Self::EnableConnectProtocol(value)) = self;
        write!(f, "{}: {value}", self.text())
    }
}

impl std::error::Error for SettingsError {}
