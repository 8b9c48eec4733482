//! The values of flow control FC1.

use crate::wire::cursor::decimal;
use crate::wire::ttheader::IntKey;

/// Int key: what the sender of the frame is ready to hold, `<version>,<connection window>,<stream window>`.
pub const FC_SETTINGS: IntKey = IntKey(0xfc01);
/// Int key: the charge that is allowed since the beginning of the stream, or of the connection.
pub const FC_LIMIT: IntKey = IntKey(0xfc02);
/// Int key: the version in force, from here on.
pub const FC_ACK: IntKey = IntKey(0xfc03);

/// What a meta frame says about flow control.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlowFrame {
    /// [`FC_SETTINGS`].
    Settings(FlowSettings),
    /// [`FC_LIMIT`].
    Limit(u64),
    /// [`FC_ACK`].
    Ack(u32),
}

/// What a peer is ready to hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FlowSettings {
    /// Version; 0 declines.
    pub version: u32,
    /// Charge for all streams together.
    pub connection: u64,
    /// Charge for each stream.
    pub stream: u64,
}

impl FlowFrame {
    /// The meaning of a value. `None`: it is malformed, and says nothing.
    #[must_use]
    pub fn read(key: IntKey, value: &[u8]) -> Option<Self> {
        let number = |text: &[u8]| decimal(text).and_then(|number| u64::try_from(number).ok());
        match key {
            FC_SETTINGS => {
                let mut parts = value.split(|byte| *byte == b',');
                let version = number(parts.next()?)?;
                let settings = FlowSettings {
                    version: u32::try_from(version).unwrap_or(u32::MAX),
                    connection: number(parts.next()?)?,
                    stream: number(parts.next()?)?,
                };
                // Later versions may have more to say.
                (settings.version > 1 || parts.next().is_none()).then_some(Self::Settings(settings))
            }
            FC_LIMIT => number(value).map(Self::Limit),
            FC_ACK => number(value).map(|version| Self::Ack(u32::try_from(version).unwrap_or(u32::MAX))),
            _ => None,
        }
    }

    /// Its key and value.
    #[must_use]
    pub fn entry(&self) -> (IntKey, String) {
        match self {
            Self::Settings(FlowSettings {
                version,
                connection,
                stream,
            }) => (FC_SETTINGS, format!("{version},{connection},{stream}")),
            Self::Limit(limit) => (FC_LIMIT, limit.to_string()),
            Self::Ack(version) => (FC_ACK, version.to_string()),
        }
    }
}
