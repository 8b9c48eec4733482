//! grpc-go with gzip: its client accepts gzip on every call, which must not cost it the answer, and both sides compress.

use kitewire::{Client, Server, Switch, Tokio, Transport};
use tokio::sync::OnceCell;

use super::generated::interop::{
    ResponseParameters, SimpleRequest, StreamingInputCallRequest, StreamingOutputCallRequest, TestServiceClient,
    TestServiceServer,
};
use super::host::{Host, Running, compressing};
use super::interop::{TestServer, check_payload, payload};
use super::process::{Program, run_to_end};
use super::{Judged, Programs, Run, Side, Way};
use crate::proxy::Proxy;

pub(super) async fn run(run: &mut Run) {
    let programs = run.programs.clone();
    for way in run.ways() {
        let servers = [OnceCell::new(), OnceCell::new()];
        for method in METHODS {
            for (requests, answers) in [(false, false), (true, false), (false, true), (true, true)] {
                let cell = Cell {
                    method,
                    requests,
                    answers,
                };
                if cell.missing(*way) {
                    continue;
                }
                let [plain, compressing] = &servers;
                let server = if answers { compressing } else { plain };
                run.cell(*way, PEER, &cell.name(), async {
                    let server = server.get_or_try_init(|| start(*way, &programs, answers)).await?;
                    match way.client {
                        Side::Peer => cell.grpc_go(&programs, server.address()).await,
                        Side::Ours => cell.ours(server.address()).await,
                    }
                })
                .await;
            }
        }
    }
}

/// What is compressed of a call.
#[derive(Debug, Clone, Copy)]
struct Cell {
    method: &'static str,
    requests: bool,
    answers: bool,
}

impl Cell {
    /// grpc-go's server compresses as the request is compressed, and our client tells the two apart by length.
    fn missing(self, way: Way) -> bool {
        let short = ["empty", "error"].contains(&self.method);
        let unlike = self.requests != self.answers;
        (unlike && (short || way.server == Side::Peer)) || (short && way.client == Side::Ours)
    }

    fn name(self) -> String {
        let word = |compressed| if compressed { "gzip" } else { "plain" };
        format!(
            "{} requests {}, answers {}",
            self.method,
            word(self.requests),
            word(self.answers)
        )
    }

    async fn grpc_go(self, programs: &Programs, address: &str) -> Judged {
        let word = |compressed| if compressed { "gzip" } else { "plain" };
        let arguments = ["-address", address, "-method", self.method];
        let kinds = ["-requests", word(self.requests), "-answers", word(self.answers)];
        let arguments = [arguments, kinds].concat();
        Ok(run_to_end(&programs.grpc_go.join("gzip"), &arguments).await?)
    }

    /// Counts what goes over the wire.
    async fn ours(self, address: &str) -> Judged {
        let wire = Proxy::start(address, None).await?;
        let client = Client::to(wire.address.as_str())
            .transport(Transport::Grpc)
            .build(Tokio)?;
        self.call(&TestServiceClient::new(client)).await?;
        let carried = wire.carried();
        let (up, down) = (carried.requests.len(), carried.answers.len());
        if (up < SMALL) != self.requests || (down < SMALL) != (self.answers || self.method == "client") {
            return Err(format!("{up} bytes up, {down} down").into());
        }
        Ok(format!("{up} bytes up, {down} down"))
    }

    async fn call(self, service: &TestServiceClient) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let gzip = if self.requests { Switch::On } else { Switch::Off };
        let wish = |count| StreamingOutputCallRequest {
            response_parameters: vec![
                ResponseParameters {
                    size: SIZE,
                    interval_us: 0
                };
                count
            ],
            ..StreamingOutputCallRequest::default()
        };
        let size = usize::try_from(SIZE)?;
        match self.method {
            "unary" => {
                let request = SimpleRequest {
                    payload: Some(payload(SIZE)?),
                    response_size: SIZE,
                    ..SimpleRequest::default()
                };
                let answer = service.unary_call(request).gzip(gzip).await?;
                check_payload(answer.payload.as_ref(), size)?;
            }
            "client" => {
                let mut stream = service.streaming_input_call().gzip(gzip).await?;
                for _ in 0..3 {
                    let payload = Some(payload(SIZE)?);
                    stream.send(StreamingInputCallRequest { payload }).await?;
                }
                let sum = stream.finish().await?.aggregated_payload_size;
                if sum != 3 * SIZE {
                    return Err(format!("a sum of {sum}").into());
                }
            }
            "server" => {
                let request = StreamingOutputCallRequest {
                    payload: Some(payload(SIZE)?),
                    ..wish(3)
                };
                let mut stream = service.streaming_output_call(request).gzip(gzip).await?;
                let mut count = 0;
                while let Some(answer) = stream.recv().await? {
                    check_payload(answer.payload.as_ref(), size)?;
                    count += 1;
                }
                if count != 3 {
                    return Err(format!("{count} answers").into());
                }
            }
            _ => {
                let mut stream = service.full_duplex_call().gzip(gzip).await?;
                for _ in 0..3 {
                    let request = StreamingOutputCallRequest {
                        payload: Some(payload(SIZE)?),
                        ..wish(1)
                    };
                    stream.send(request).await?;
                    let answer = stream.recv().await?.ok_or("no answer")?;
                    check_payload(answer.payload.as_ref(), size)?;
                }
                stream.close_send();
                if stream.recv().await?.is_some() {
                    return Err("an answer too many".into());
                }
            }
        }
        Ok(())
    }
}

async fn start(way: Way, programs: &Programs, compress: bool) -> Result<Running, String> {
    Ok(match way.server {
        Side::Peer => Program::start(&programs.grpc_go.join("gzip"), "-serve").await?.into(),
        Side::Ours => {
            let server = Server::new(Tokio).register(TestServiceServer::new(TestServer));
            // Off by default: the answers to who merely accepts gzip are plain.
            let server = if compress { compressing(server) } else { server };
            Host::start(server).await?.into()
        }
    })
}

const PEER: &str = "grpc-go+gzip";
const METHODS: [&str; 6] = ["unary", "client", "server", "bidi", "empty", "error"];
/// Zeros, which gzip makes small.
const SIZE: i32 = 100_000;
const SMALL: usize = 20_000;
