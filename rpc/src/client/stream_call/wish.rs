//! What stream is to be opened, and how, over either transport.

use std::borrow::Cow;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use kitewire_proto::dispatch::{MethodInfo, MethodKind, ServiceInfo};
use kitewire_proto::ttstream::Strings;
use kitewire_proto::wire::Codec;
use kitewire_proto::{EncodeBody, Instant, grpc, ttstream};
use kitewire_runtime::Address;

use crate::client::call_options::CallOptions;
use crate::client::in_process::InProcess;
use crate::client::lane::{Begun, NotOpened, Opening, Request, Scheme, Wanted};
use crate::client::options::RecvTimeout;
use crate::client::route::StreamRoute;
use crate::client::streams::Opened;
use crate::client::tt_streams::{self, TtStreams};
use crate::client::{CONNECT_TIMEOUT, Client, Inner, mismatch};
use crate::stream::{Place, Stream, Tie};
use crate::{Call, Error};

/// A stream to open.
pub(super) struct Wish<'a> {
    client: &'a Client,
    service: &'static ServiceInfo,
    method: Option<&'static MethodInfo>,
    kind: MethodKind,
    /// The one request, where there is only one.
    request: Option<Box<dyn EncodeBody + Send>>,
    pub(super) options: CallOptions,
    pub(super) recv_timeout: Option<RecvTimeout>,
    /// To the call being served.
    tie: Option<Arc<Tie>>,
    /// The metadata, where it travels over TTHeader.
    entries: Strings,
}

impl<'a> Wish<'a> {
    pub(super) fn new(
        client: &'a Client,
        (service, method, kind): (&'static ServiceInfo, usize, MethodKind),
        request: Option<Box<dyn EncodeBody + Send>>,
    ) -> Self {
        Self {
            client,
            service,
            method: service.methods.get(method),
            kind,
            request,
            options: CallOptions::default(),
            recv_timeout: None,
            tie: None,
            entries: Strings::new(),
        }
    }

    pub(super) fn forward(&mut self, incoming: &Call) {
        self.options.forward(incoming);
        self.tie = incoming.tie();
    }

    /// Whether the stream can be opened at all.
    pub(super) fn check(&mut self) -> Result<(), Error> {
        if let Some(error) = self.options.take_problem() {
            return Err(error);
        }
        match self.method.map(|method| method.kind) {
            Some(kind) if kind == self.kind => {}
            Some(_) => return Err(mismatch("not a streaming method", self.service, self.method)),
            None => return Err(mismatch("non-existent method", self.service, None)),
        }
        if let Some(StreamRoute::TtHeader(_)) = self.client().streams {
            if self.service.codec == Codec::Protobuf {
                return Err(mismatch(
                    "Protobuf does not stream over TTHeader",
                    self.service,
                    self.method,
                ));
            }
            let entries = tt_streams::entries(self.options.metadata());
            self.entries = entries.map_err(|error| self.placed(error))?;
        }
        Ok(())
    }

    /// Ready once nobody waits for the call any more that the stream would be a part of.
    pub(super) fn poll_orphaned(&self, cx: &Context<'_>) -> Poll<Error> {
        match &self.tie {
            None => Poll::Pending,
            Some(tie) => tie.poll_cut(cx).map(|()| self.placed(Error::timed_out(self.timeout()))),
        }
    }

    pub(super) fn poll_begin(
        &self,
        opening: &mut Opening,
        deadline: Option<Instant>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Arc<Stream>, Error>> {
        let client = self.client();
        let Some(route) = &client.streams else {
            return Poll::Pending;
        };
        let authority = match route {
            StreamRoute::Grpc(grpc) => grpc.authority(self.options.address.as_ref()),
            StreamRoute::TtHeader(_) => Cow::Borrowed(""),
        };
        let connect_timeout = self.options.connect_timeout.or(client.connect_timeout);
        let wanted = Wanted {
            request: match route {
                StreamRoute::Grpc(_) => Request::Grpc(self.grpc_request(&authority, deadline)),
                StreamRoute::TtHeader(streams) => Request::TtHeader(self.tt_request(streams, deadline)),
            },
            address: self.address(),
            connect_timeout: connect_timeout.unwrap_or(CONNECT_TIMEOUT),
            only: None,
        };
        opening.poll(route.pool(), &wanted, cx).map(|begun| match begun {
            Ok(Begun { lane, key, .. }) => {
                let place = self.named(Some(self.address().clone()));
                Ok(self.tied(Stream::new(Arc::clone(lane.hub()), key, Some(place))))
            }
            Err(why) => Err(self.not_opened(why)),
        })
    }

    /// Opens the stream to a service of this process.
    pub(super) fn open_in_process(&self, direct: &InProcess, deadline: Option<Instant>) -> Result<Arc<Stream>, Error> {
        let pump = direct.pump();
        let request = Request::Grpc(self.grpc_request(&self.service.name, deadline));
        let opened = request.open(&mut pump.client().lock().connection, pump.now(), Scheme::Http);
        let key = opened.map_err(|refusal| self.not_opened(NotOpened::of(refusal)))?;
        let hub = Arc::clone(pump.client());
        Ok(self.tied(Stream::pumped(hub, key, Some(self.named(None)), Some(pump))))
    }

    /// What the kinds of streams are made of.
    pub(super) fn opened(&mut self, stream: Arc<Stream>, deadline: Option<Instant>) -> Opened {
        let client = self.client();
        let recv_timeout = self.recv_timeout.or(client.streaming.recv_timeout);
        let recv_timeout = recv_timeout.filter(|timeout| !timeout.timeout().is_zero());
        // Where there is no runtime, there is no timer.
        let connector = client
            .streams
            .as_ref()
            .map(|route| Arc::clone(route.pool().connector()));
        Opened {
            stream,
            tags: self.options.take_tags(&self.client.inner.tags),
            deadline,
            recv_timeout: recv_timeout.zip(connector),
        }
    }

    /// The one request, where there is only one.
    pub(super) fn request(&self) -> Option<&dyn EncodeBody> {
        self.request.as_deref().map(|request| request as &dyn EncodeBody)
    }

    pub(super) fn timeout(&self) -> Option<Duration> {
        let timeout = self.options.timeout.or(self.client().streaming.timeout);
        timeout.filter(|timeout| !timeout.is_zero())
    }

    pub(super) fn client(&self) -> &'a Inner {
        &self.client.inner
    }

    pub(super) fn service(&self) -> &'static str {
        &self.service.name
    }

    pub(super) fn method(&self) -> &'static str {
        self.method.map_or("", |method| &*method.name)
    }

    fn grpc_request<'r>(&'r self, authority: &'r str, deadline: Option<Instant>) -> grpc::Request<'r> {
        let (client, options) = (self.client(), &self.options);
        let method = self.method();
        grpc::Request {
            authority: options.url_host(client).unwrap_or(authority),
            deadline,
            gzip: options.gzip().unwrap_or(client.streaming.gzip),
            metadata: options.metadata().fields(),
            meta: &options.meta,
            names: options.names(client, method),
            ..grpc::Request::new(
                &self.service.package,
                self.service(),
                method,
                self.service.codec,
                self.kind,
            )
        }
    }

    fn tt_request<'r>(&'r self, streams: &'r TtStreams, deadline: Option<Instant>) -> ttstream::Request<'r> {
        // A combined service is reached under no name of its own.
        let service = if self.service.combine { "" } else { self.service() };
        let mut request = ttstream::Request::new(service, self.method(), self.kind);
        request.deadline = deadline;
        request.timeout = self.timeout();
        request.meta = &self.options.meta;
        request.strings = &self.entries;
        request.caller = streams.caller();
        request
    }

    /// The stream as a part of the call being served.
    fn tied(&self, stream: Arc<Stream>) -> Arc<Stream> {
        if let Some(tie) = &self.tie {
            stream.hang_on(tie);
        }
        stream
    }

    #[cold]
    fn not_opened(&self, why: NotOpened) -> Error {
        match &self.client().streams {
            Some(StreamRoute::TtHeader(_)) => {
                tt_streams::not_opened(why, self.timeout(), (self.to(), self.method()), self.address())
            }
            _ => crate::client::grpc::not_opened(why, self.to(), self.method(), self.address()),
        }
    }

    fn placed(&self, error: Error) -> Error {
        error.at(self.to(), self.method(), Some(self.address()))
    }

    fn address(&self) -> &Address {
        self.options.address.as_ref().unwrap_or(&self.client.inner.address)
    }

    /// Who is called, for texts.
    fn to(&self) -> &str {
        match &*self.client.inner.destination {
            "" => &self.service.name,
            name => name,
        }
    }

    fn named(&self, peer: Option<Address>) -> Place {
        let destination = &self.client.inner.destination;
        Place {
            service: match &**destination {
                "" => self.service.name.clone(),
                name => Cow::Owned(name.to_owned()),
            },
            method: Cow::Borrowed(self.method()),
            peer,
        }
    }
}
