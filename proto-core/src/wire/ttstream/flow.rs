//! The values of flow control FC1.

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
    /// The meaning of a value. `None`: it is malformed, and says nothing. Further parts of settings are for later versions.
    #[must_use]
    pub fn read(key: IntKey, value: &[u8]) -> Option<Self> {
        match key {
            FC_SETTINGS => {
                let mut parts = value.split(|byte| *byte == b',');
                let settings = FlowSettings {
                    version: version(parts.next()?)?,
                    connection: number(parts.next()?)?,
                    stream: number(parts.next()?)?,
                };
                let offers = settings.connection > 0 && settings.stream > 0;
                (offers || settings.version == 0).then_some(Self::Settings(settings))
            }
            FC_LIMIT => number(value).map(Self::Limit),
            FC_ACK => version(value).map(Self::Ack),
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

/// A number of nothing but digits.
fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn version(text: &[u8]) -> Option<u32> {
    number(text).map(|version| u32::try_from(version).unwrap_or(u32::MAX))
}
