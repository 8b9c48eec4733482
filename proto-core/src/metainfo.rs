//! Metainfo: values that travel with a call, and on to the calls that it leads to.

use std::borrow::Cow;

use crate::wire::ttheader::{HeaderView, HeaderWriter};

/// Key prefix of persistent values.
pub(crate) const PERSISTENT: &str = "RPC_PERSIST_";
/// Key prefix of transient values.
pub(crate) const TRANSIENT: &str = "RPC_TRANSIT_";
/// Key prefix of values that came from further up; never written by Kitex. Starts like [`TRANSIENT`].
pub(crate) const UPSTREAM: &str = "RPC_TRANSIT_UPSTREAM_";
/// The transient key that travels as the header's ACL token.
pub(crate) const ACL_TOKEN_KEY: &str = "gdpr-token";

/// The metainfo of a call: persistent values, which every hop hands on, and transient ones, which reach the next hop
/// only.
///
/// On the wire (TTHeader, and mesh header inbound) a value is a string under `RPC_PERSIST_` or `RPC_TRANSIT_` and its
/// key, byte for byte; the transient `gdpr-token` is the header's ACL token. Empty keys and values are neither set nor
/// written nor read. Text that is not UTF-8 is read with replacement characters. Values are kept in key order.
///
/// The hop rule: a server reads a request's values, then calls [`Self::forward`]. Transient values can still be read,
/// but calls made with the result do not carry them.
///
/// ```
/// use kitewire_proto::MetaInfo;
///
/// let mut meta = MetaInfo::new();
/// meta.set_persistent("user", "7");
/// meta.set_transient("token", "t");
/// meta.forward();
/// assert_eq!(meta.persistent("user"), Some("7"));
/// assert_eq!(meta.transient("token"), Some("t"));
/// assert_eq!(meta.transients().count(), 0, "no further hop");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetaInfo {
    persistent: Values,
    transient: Values,
    /// Transient values of the call being served: readable, not handed on.
    upstream: Values,
}

impl MetaInfo {
    /// No values, no memory.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            persistent: Values(Vec::new()),
            transient: Values(Vec::new()),
            upstream: Values(Vec::new()),
        }
    }

    /// The values that a header carries, as they are on the wire. A server calls [`Self::forward`] on them.
    #[must_use]
    pub fn from_header(header: &HeaderView<'_>) -> Self {
        let mut meta = Self::from_strings(header.strings());
        if let Some(token) = header.acl_token() {
            meta.set_transient(ACL_TOKEN_KEY, String::from_utf8_lossy(token));
        }
        meta
    }

    /// The values among header strings. A key that repeats has its last value; other keys are not metainfo's.
    pub(crate) fn from_strings<'a>(strings: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Self {
        let mut meta = Self::new();
        for (key, value) in strings {
            let (values, key) = if let Some(key) = key.strip_prefix(PERSISTENT.as_bytes()) {
                (&mut meta.persistent, key)
            } else if let Some(key) = key.strip_prefix(UPSTREAM.as_bytes()) {
                (&mut meta.upstream, key)
            } else if let Some(key) = key.strip_prefix(TRANSIENT.as_bytes()) {
                (&mut meta.transient, key)
            } else {
                continue;
            };
            if !key.is_empty() && !value.is_empty() {
                values.0.push((text(key), text(value)));
            }
        }
        meta.persistent.sort();
        meta.transient.sort();
        meta.upstream.sort();
        meta
    }

    /// The persistent value under `key`.
    #[must_use]
    pub fn persistent(&self, key: &str) -> Option<&str> {
        self.persistent.get(key)
    }

    /// The transient value under `key`: one set here, else one that came with the call being served.
    #[must_use]
    pub fn transient(&self, key: &str) -> Option<&str> {
        self.transient.get(key).or_else(|| self.upstream.get(key))
    }

    /// Sets a persistent value; an empty key or value changes nothing.
    pub fn set_persistent(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.persistent.set(key.into(), value.into());
    }

    /// Sets a transient value for the next hop; an empty key or value changes nothing.
    pub fn set_transient(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.transient.set(key.into(), value.into());
    }

    /// Removes a persistent value and returns it.
    pub fn remove_persistent(&mut self, key: &str) -> Option<String> {
        self.persistent.remove(key)
    }

    /// Removes a transient value, set here or received, and returns it.
    pub fn remove_transient(&mut self, key: &str) -> Option<String> {
        let received = self.upstream.remove(key);
        self.transient.remove(key).or(received)
    }

    /// Persistent values in key order.
    pub fn persistents(&self) -> impl Iterator<Item = (&str, &str)> {
        self.persistent.iter()
    }

    /// Transient values that the next hop will get, in key order.
    pub fn transients(&self) -> impl Iterator<Item = (&str, &str)> {
        self.transient.iter()
    }

    /// Transient values that came with the call being served, in key order.
    pub fn received_transients(&self) -> impl Iterator<Item = (&str, &str)> {
        self.upstream.iter()
    }

    /// Whether there is no value of any kind.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.persistent.0.is_empty() && self.transient.0.is_empty() && self.upstream.0.is_empty()
    }

    /// Counts values that came from further up as transient ones of the last hop, as streams over TTHeader do.
    pub(crate) fn adopt_upstream(&mut self) {
        for (key, value) in std::mem::take(&mut self.upstream).0 {
            if self.transient.get(&key).is_none() {
                self.set_transient(key, value);
            }
        }
    }

    /// The hop rule: transient values stay readable but go no further, and those that had already come one hop are
    /// dropped.
    pub fn forward(&mut self) {
        self.upstream = std::mem::take(&mut self.transient);
    }

    /// Overlays the values that the next hop gets with those of `other`, as options of one call over those of a
    /// client.
    pub fn extend(&mut self, other: &Self) {
        for (key, value) in other.persistent.iter() {
            self.set_persistent(key, value);
        }
        for (key, value) in other.transient.iter() {
            self.set_transient(key, value);
        }
    }

    /// Appends what the next hop gets to a header, the ACL token first. Call it before other strings are written, so
    /// that all strings share one block.
    pub fn write(&self, writer: &mut HeaderWriter<'_>) {
        if self.transient.0.is_empty() && self.persistent.0.is_empty() {
            return;
        }
        if let Some(token) = self.transient.get(ACL_TOKEN_KEY) {
            writer.acl_token(token);
        }
        for (key, value) in self.transient.iter() {
            if key != ACL_TOKEN_KEY {
                writer.prefixed_string(TRANSIENT, key, value);
            }
        }
        for (key, value) in self.persistent.iter() {
            writer.prefixed_string(PERSISTENT, key, value);
        }
    }
}

/// Whether a header string is metainfo's.
#[inline]
pub(crate) fn is_metainfo_key(key: &[u8]) -> bool {
    key.starts_with(PERSISTENT.as_bytes()) || key.starts_with(TRANSIENT.as_bytes())
}

/// Values by key: sorted, keys unique, neither side ever empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Values(Vec<(String, String)>);

impl Values {
    fn set(&mut self, key: String, value: String) {
        if key.is_empty() || value.is_empty() {
            return;
        }
        match self.place(&key) {
            Ok(place) => {
                if let Some((_, old)) = self.0.get_mut(place) {
                    *old = value;
                }
            }
            Err(place) => self.0.insert(place, (key, value)),
        }
    }

    fn remove(&mut self, key: &str) -> Option<String> {
        let place = self.place(key).ok()?;
        Some(self.0.remove(place).1)
    }

    /// Makes pushed values keep the invariant; of equal keys the last one stays.
    fn sort(&mut self) {
        self.0.reverse();
        self.0.sort_by(|(left, _), (right, _)| left.cmp(right));
        self.0.dedup_by(|(left, _), (right, _)| left == right);
    }

    fn get(&self, key: &str) -> Option<&str> {
        let (_, value) = self.0.get(self.place(key).ok()?)?;
        Some(value)
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    fn place(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(found, _)| found.as_str().cmp(key))
    }
}

fn text(bytes: &[u8]) -> String {
    match String::from_utf8_lossy(bytes) {
        Cow::Borrowed(text) => text.to_owned(),
        Cow::Owned(text) => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buf::Output;
    use crate::config::Limits;
    use crate::wire::SequenceId;
    use crate::wire::ttheader::{Flags, Header, Info};

    /// What a peer reads of a header that `write` fills.
    fn received(write: impl FnOnce(&mut HeaderWriter<'_>)) -> (MetaInfo, Info) {
        let mut out = Output::new();
        let mut writer = HeaderWriter::begin(&mut out, Flags::NONE, SequenceId(1));
        write(&mut writer);
        writer.end().finish(&mut out, u32::MAX);
        let frame = out.to_vec();
        let header = Header::parse(&frame, &Limits::default()).unwrap().unwrap();
        let info = Info::scan(&frame, &header, 100).unwrap();
        (MetaInfo::from_header(&HeaderView::new(&frame, header)), info)
    }

    #[test]
    fn values_travel_by_the_hop_rule() {
        let mut a = MetaInfo::new();
        a.set_persistent("Per_K", "p1");
        a.set_transient("tra-K", "t1");
        a.set_transient("gdpr-token", "tok");
        let (mut b, info) = received(|writer| a.write(writer));
        assert!(info.has_metainfo);
        assert_eq!(b, a);
        b.forward();
        assert_eq!(b.persistent("Per_K"), Some("p1"));
        assert_eq!(b.transient("tra-K"), Some("t1"));
        assert_eq!(b.transient("gdpr-token"), Some("tok"));

        let (c, _) = received(|writer| b.write(writer));
        assert_eq!(c.persistent("Per_K"), Some("p1"));
        assert_eq!((c.transient("tra-K"), c.transient("gdpr-token")), (None, None));

        b.set_transient("tra-K", "t2");
        assert_eq!(b.transient("tra-K"), Some("t2"), "set here goes before received");
        let (mut c, _) = received(|writer| b.write(writer));
        assert_eq!(c.transient("tra-K"), Some("t2"));
        c.forward();
        c.forward();
        assert_eq!(c.transient("tra-K"), None);
    }

    #[test]
    fn prefixes_are_told_apart_and_other_keys_left_alone() {
        let (mut meta, _) = received(|writer| {
            writer.string("RPC_TRANSIT_UPSTREAM_u", "1");
            writer.string("RPC_TRANSIT_t", "2");
            writer.string("RPC_TRANSIT_UPSTREAM_", "empty key");
            writer.string("RPC_TRANSIT_", "empty key");
            writer.string("RPC_PERSIST_", "empty key");
            writer.string("RPC_PERSIST_empty", "");
            writer.string("RPC_PERSIST_twice", "old");
            writer.string("RPC_PERSIST_twice", "new");
            writer.string("rpc_persist_case", "x");
            writer.string("isn", "x");
            writer.string("RPC_PERSIST_bad", b"\xff");
        });
        assert_eq!(
            meta.persistents().collect::<Vec<_>>(),
            [("bad", "\u{fffd}"), ("twice", "new")]
        );
        assert_eq!(meta.transients().collect::<Vec<_>>(), [("t", "2")]);
        assert_eq!(meta.received_transients().collect::<Vec<_>>(), [("u", "1")]);
        meta.forward();
        assert_eq!(meta.transient("u"), None, "came from two hops up");
    }

    #[test]
    fn without_values_nothing_is_written() {
        let mut meta = MetaInfo::new();
        meta.set_persistent("", "x");
        meta.set_transient("x", "");
        assert!(meta.is_empty());
        let (back, info) = received(|writer| meta.write(writer));
        assert!(back.is_empty());
        assert!(!info.has_metainfo);
    }

    #[test]
    fn values_can_be_replaced_removed_and_overlaid() {
        let mut meta = MetaInfo::new();
        for (key, value) in [("b", "1"), ("a", "2"), ("b", "3")] {
            meta.set_persistent(key, value);
        }
        assert_eq!(meta.persistents().collect::<Vec<_>>(), [("a", "2"), ("b", "3")]);
        assert_eq!(meta.remove_persistent("a"), Some("2".to_owned()));
        assert_eq!(meta.remove_persistent("a"), None);
        let mut call = MetaInfo::new();
        call.set_persistent("b", "call's");
        call.set_transient("t", "1");
        meta.extend(&call);
        assert_eq!(meta, call);
        meta.forward();
        assert_eq!(meta.remove_transient("t"), Some("1".to_owned()));
        assert_eq!(meta.transient("t"), None);
    }

    #[test]
    fn the_acl_token_is_metainfo_of_its_own() {
        let (meta, info) = received(|writer| writer.acl_token("tok"));
        assert!(info.has_metainfo);
        assert_eq!(meta.transient("gdpr-token"), Some("tok"));
        let (meta, _) = received(|writer| writer.acl_token(""));
        assert!(meta.is_empty());
    }
}
