//! The keys of header values.

/// A numbered key. Any number is legal; the constants are those that Kitex names. All values are ASCII text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct IntKey(pub u16);

impl IntKey {
    /// Reserved for proxies.
    pub const MESH_VERSION: Self = Self(0);
    /// `framed` or `unframed`: whether the payload has a length of its own. Written by clients, read by nobody.
    pub const TRANSPORT_TYPE: Self = Self(1);
    /// Log id; never seen on the wire of unary calls.
    pub const LOG_ID: Self = Self(2);
    /// The caller's service name.
    pub const FROM_SERVICE: Self = Self(3);
    /// The caller's cluster; reserved.
    pub const FROM_CLUSTER: Self = Self(4);
    /// The caller's data centre; reserved.
    pub const FROM_IDC: Self = Self(5);
    /// The destination's name in service discovery.
    pub const TO_SERVICE: Self = Self(6);
    /// The destination's cluster; reserved.
    pub const TO_CLUSTER: Self = Self(7);
    /// The destination's data centre; reserved.
    pub const TO_IDC: Self = Self(8);
    /// The method called.
    pub const TO_METHOD: Self = Self(9);
    /// The destination's address; written by Volo.
    pub const DESTINATION_ADDRESS: Self = Self(11);
    /// The whole RPC timeout in decimal milliseconds, not what is left of it.
    pub const RPC_TIMEOUT: Self = Self(12);
    /// Written by Volo as `3`.
    pub const WITH_MESH_HEADER: Self = Self(16);
    /// The connect timeout in decimal milliseconds.
    pub const CONNECT_TIMEOUT: Self = Self(17);
    /// The method that the caller was handling, often empty.
    pub const FROM_METHOD: Self = Self(20);
    /// The message type in decimal (Volo's server: one raw byte). The envelope's type rules.
    pub const MESSAGE_TYPE: Self = Self(22);
    /// The kind of a frame of TTHeader streaming.
    pub const FRAME_TYPE: Self = Self(27);
}

/// The named keys. Further ones are metainfo's ([`MetaInfo`](crate::MetaInfo)) and the application's.
pub mod string_key {
    /// The IDL service name, for servers with several services.
    pub const SERVICE_NAME: &str = "isn";
    /// The real remote address, set by proxies.
    pub const REMOTE_ADDRESS: &str = "rip";
    /// The connection is about to close: present with any value.
    pub const CONNECTION_RESET: &str = "crrst";
    /// The business status code in decimal.
    pub const BUSINESS_STATUS: &str = "biz-status";
    /// The business status text.
    pub const BUSINESS_MESSAGE: &str = "biz-message";
    /// The business status detail: a JSON object of strings.
    pub const BUSINESS_EXTRA: &str = "biz-extra";
    /// The payload checksum.
    pub const CHECKSUM: &str = "crc32c";
}
