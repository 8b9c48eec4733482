//! The rows of the matrix: an IDL and a mode each.

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

/// One row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lane {
    pub(crate) name: &'static str,
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
    /// A service that the server does not have.
    StrangeService,
}

impl Lane {
    /// The service and method, by IDL names; those that the servers do not have with "strange." before them.
    pub(crate) fn place(&self, target: Target) -> (&'static str, &'static str) {
        let service = match (self.idl, target) {
            (Idl::Thrift, Target::Streams | Target::Plain | Target::Quiet) => "Streams",
            (Idl::Thrift, Target::Others) => "Others",
            (Idl::Thrift, Target::StrangeMethod) => "strange.Streams",
            (Idl::Thrift, Target::StrangeService) => "strange.Strangers",
            (Idl::Protobuf, Target::Streams | Target::Plain | Target::Quiet) => "StreamsPb",
            (Idl::Protobuf, Target::Others) => "OthersPb",
            (Idl::Protobuf, Target::StrangeMethod) => "strange.StreamsPb",
            (Idl::Protobuf, Target::StrangeService) => "strange.StrangersPb",
        };
        let method = match (self.mode, target) {
            (Mode::Unary, Target::Plain) => "plain",
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

pub(crate) const LANES: [Lane; 8] = [
    lane("thrift unary", Idl::Thrift, Mode::Unary),
    lane("thrift client", Idl::Thrift, Mode::Collect),
    lane("thrift server", Idl::Thrift, Mode::Watch),
    lane("thrift bidirectional", Idl::Thrift, Mode::Talk),
    lane("protobuf unary", Idl::Protobuf, Mode::Unary),
    lane("protobuf client", Idl::Protobuf, Mode::Collect),
    lane("protobuf server", Idl::Protobuf, Mode::Watch),
    lane("protobuf bidirectional", Idl::Protobuf, Mode::Talk),
];

const fn lane(name: &'static str, idl: Idl, mode: Mode) -> Lane {
    Lane { name, idl, mode }
}
