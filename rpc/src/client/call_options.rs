//! What one call or stream wants otherwise than its client.

use std::time::Duration;

use kitewire_proto::grpc::CallerNames;
use kitewire_proto::{MetaInfo, Switch};
use kitewire_runtime::Address;

use super::Inner;
use super::options::{HTTP_URL, Tags, host_of};
use crate::{Call, Error, Metadata};

/// The options that calls and streams share.
#[derive(Default)]
pub(super) struct CallOptions {
    pub(super) timeout: Option<Duration>,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) address: Option<Address>,
    pub(super) caller_method: String,
    pub(super) meta: MetaInfo,
    /// What few calls have.
    rare: Option<Box<Rare>>,
}

#[derive(Default)]
struct Rare {
    metadata: Metadata,
    tags: Tags,
    gzip: Option<Switch>,
    /// Why the call cannot be made.
    problem: Option<Error>,
}

impl CallOptions {
    pub(super) fn forward(&mut self, incoming: &Call) {
        let mut meta = incoming.meta().clone();
        meta.extend(&self.meta);
        self.meta = meta;
        self.caller_method = incoming.method().to_owned();
    }

    /// What cannot be sent is kept for the moment when the call is made.
    pub(super) fn append_metadata(&mut self, key: &str, value: &[u8]) {
        let rare = self.rare();
        if let Err(error) = rare.metadata.append(key, value) {
            rare.problem.get_or_insert(error);
        }
    }

    pub(super) fn set_tag(&mut self, key: String, value: String) {
        self.rare().tags.set(key, value);
    }

    pub(super) fn set_gzip(&mut self, switch: Switch) {
        self.rare().gzip = Some(switch);
    }

    /// Why the call cannot be made, once.
    pub(super) fn take_problem(&mut self) -> Option<Error> {
        self.rare.as_mut()?.problem.take()
    }

    /// The tags of the call, and those of its client that they do not replace.
    pub(super) fn take_tags(&mut self, client: &Tags) -> Tags {
        let own = self.rare.as_mut().map(|rare| std::mem::take(&mut rare.tags));
        let mut tags = client.clone();
        tags.extend(own.unwrap_or_default());
        tags
    }

    pub(super) fn metadata(&self) -> &Metadata {
        self.rare.as_ref().map_or(Metadata::none(), |rare| &rare.metadata)
    }

    pub(super) fn gzip(&self) -> Option<Switch> {
        self.rare.as_ref()?.gzip
    }

    /// A tag of the call, or else of its client.
    pub(super) fn tag<'a>(&'a self, key: &str, client: &'a Inner) -> Option<&'a str> {
        let own = self.rare.as_ref().and_then(|rare| rare.tags.get(key));
        own.or_else(|| client.tags.get(key))
    }

    /// The host of the URL that the call is tagged with.
    pub(super) fn url_host<'a>(&'a self, client: &'a Inner) -> Option<&'a str> {
        self.tag(HTTP_URL, client).and_then(host_of)
    }

    pub(super) fn names<'a>(&'a self, client: &'a Inner, method: &'a str) -> Option<CallerNames<'a>> {
        (!client.caller.is_empty()).then_some(CallerNames {
            source_service: &client.caller,
            source_method: &self.caller_method,
            destination_service: &client.destination,
            destination_method: method,
        })
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }
}
