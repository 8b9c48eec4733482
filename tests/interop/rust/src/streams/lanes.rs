//! The rows of the matrices: over gRPC an IDL and a mode each, over TTHeader a way to keep connections and a mode.

use crate::call::Dial;

/// Who may send how many messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Unary,
    /// The client sends many.
    Collect,
    /// The server sends many.
    Watch,
    /// Both do.
    Talk,
}

/// Whose encoding the messages have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Idl {
    Thrift,
    Protobuf,
}

/// What carries the streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    Grpc,
    TtHeader(Pool),
}

/// How a client keeps its connections for streams over TTHeader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pool {
    /// Many streams on each.
    Multiplexed,
    /// One stream at a time on each.
    Long,
    /// One for each stream.
    Short,
}

/// One row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lane {
    pub(crate) name: &'static str,
    pub(crate) carrier: Carrier,
    pub(crate) idl: Idl,
    pub(crate) mode: Mode,
}

/// Which of the services and methods of the IDL files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Target {
    #[default]
    Streams,
    /// The second service of the same port.
    Others,
    /// The Thrift method without an annotation.
    Plain,
    /// The Thrift method without a result.
    Quiet,
    /// A method that the service does not have.
    StrangeMethod,
    /// A method that is no stream there.
    NoStream,
    /// A service that the server does not have.
    StrangeService,
}

impl Lane {
    /// How clients of this lane reach a server.
    pub(crate) fn dial(&self, address: &str) -> Dial {
        let dial = Dial {
            address: address.to_owned(),
            ..Dial::default()
        };
        match self.carrier {
            Carrier::Grpc => Dial {
                transport: GRPC,
                ..dial
            },
            Carrier::TtHeader(pool) => Dial {
                transport: TTHEADER,
                pool: match pool {
                    Pool::Multiplexed => "multiplexed",
                    Pool::Long => "long",
                    Pool::Short => "short",
                },
                ..dial
            },
        }
    }

    /// The service and method, by IDL names; those that the servers do not have with "strange." before them.
    pub(crate) fn place(&self, target: Target) -> (&'static str, &'static str) {
        let service = match (self.idl, target) {
            (Idl::Thrift, Target::Streams | Target::Plain | Target::Quiet) => "Streams",
            (Idl::Thrift, Target::Others) => "Others",
            (Idl::Thrift, Target::StrangeMethod | Target::NoStream) => "strange.Streams",
            (Idl::Thrift, Target::StrangeService) => "strange.Strangers",
            (Idl::Protobuf, Target::Streams | Target::Plain | Target::Quiet) => "StreamsPb",
            (Idl::Protobuf, Target::Others) => "OthersPb",
            (Idl::Protobuf, Target::StrangeMethod | Target::NoStream) => "strange.StreamsPb",
            (Idl::Protobuf, Target::StrangeService) => "strange.StrangersPb",
        };
        let method = match (self.mode, target) {
            (Mode::Unary, Target::Plain) | (_, Target::NoStream) => "plain",
            (Mode::Unary, Target::Quiet) => "quiet",
            (Mode::Unary, _) => "unary",
            (Mode::Collect, _) => "collect",
            (Mode::Watch, _) => "watch",
            (Mode::Talk, _) => "talk",
        };
        (service, method)
    }

    /// As a server's panic text names it.
    pub(crate) fn full_name(&self) -> &'static str {
        match (self.idl, self.mode) {
            (Idl::Thrift, Mode::Unary) => "Streams.unary",
            (Idl::Thrift, Mode::Collect) => "Streams.collect",
            (Idl::Thrift, Mode::Watch) => "Streams.watch",
            (Idl::Thrift, Mode::Talk) => "Streams.talk",
            (Idl::Protobuf, Mode::Unary) => "StreamsPb.Unary",
            (Idl::Protobuf, Mode::Collect) => "StreamsPb.Collect",
            (Idl::Protobuf, Mode::Watch) => "StreamsPb.Watch",
            (Idl::Protobuf, Mode::Talk) => "StreamsPb.Talk",
        }
    }
}

impl Mode {
    /// The handler's answers come as messages of their own.
    pub(crate) fn answers_many(self) -> bool {
        matches!(self, Self::Watch | Self::Talk)
    }
}

/// The transports of a [`Dial`] for streams.
pub(crate) const GRPC: &str = "grpc";
pub(crate) const TTHEADER: &str = "ttheader-streaming";
/// What Kitex's generated code chooses.
pub(crate) const GENERATED: &str = "generated";

pub(crate) const OVER_GRPC: [Lane; 8] = [
    grpc("thrift unary", Idl::Thrift, Mode::Unary),
    grpc("thrift client", Idl::Thrift, Mode::Collect),
    grpc("thrift server", Idl::Thrift, Mode::Watch),
    grpc("thrift bidirectional", Idl::Thrift, Mode::Talk),
    grpc("protobuf unary", Idl::Protobuf, Mode::Unary),
    grpc("protobuf client", Idl::Protobuf, Mode::Collect),
    grpc("protobuf server", Idl::Protobuf, Mode::Watch),
    grpc("protobuf bidirectional", Idl::Protobuf, Mode::Talk),
];

pub(crate) const OVER_TTHEADER: [Lane; 9] = [
    ttheader("multiplexed client", Pool::Multiplexed, Mode::Collect),
    ttheader("multiplexed server", Pool::Multiplexed, Mode::Watch),
    ttheader("multiplexed bidirectional", Pool::Multiplexed, Mode::Talk),
    ttheader("long client", Pool::Long, Mode::Collect),
    ttheader("long server", Pool::Long, Mode::Watch),
    ttheader("long bidirectional", Pool::Long, Mode::Talk),
    ttheader("short client", Pool::Short, Mode::Collect),
    ttheader("short server", Pool::Short, Mode::Watch),
    ttheader("short bidirectional", Pool::Short, Mode::Talk),
];

const fn grpc(name: &'static str, idl: Idl, mode: Mode) -> Lane {
    Lane {
        name,
        carrier: Carrier::Grpc,
        idl,
        mode,
    }
}

const fn ttheader(name: &'static str, pool: Pool, mode: Mode) -> Lane {
    Lane {
        name,
        carrier: Carrier::TtHeader(pool),
        idl: Idl::Thrift,
        mode,
    }
}
