//! Our client's side of the cases.

use std::time::Duration;

use kitewire::{BidiStream, Client, Code, Error, ErrorKind, Metadata, Runtime, Tokio, Transport};

use super::server::{INITIAL, TRAILING};
use super::{check_payload, payload};
use crate::foreign::Judged;
use crate::foreign::frames::{is_first_cancel, is_first_header, sent};
use crate::foreign::generated::absent::{self, Nothing, UnimplementedServiceClient};
use crate::foreign::generated::interop::{
    EchoStatus, Empty, ResponseParameters, SimpleRequest, StreamingInputCallRequest, StreamingOutputCallRequest,
    StreamingOutputCallResponse, TestServiceClient,
};
use crate::proxy::Proxy;

/// Runs the cases against one server, over connections of its own.
pub(super) struct Caller {
    address: String,
    client: Client,
    service: TestServiceClient,
}

type Duplex = BidiStream<StreamingOutputCallRequest, StreamingOutputCallResponse>;

impl Caller {
    pub(super) fn to(address: &str) -> Result<Self, Error> {
        Self::over(Tokio, address)
    }

    pub(super) fn over(runtime: impl Runtime, address: &str) -> Result<Self, Error> {
        let client = Client::to(address)
            .transport(Transport::Grpc)
            .timeout(Duration::from_secs(30))
            .connect_timeout(Duration::from_secs(5))
            .build(runtime)?;
        Ok(Self {
            address: address.to_owned(),
            service: TestServiceClient::new(client.clone()),
            client,
        })
    }

    pub(super) async fn run(&self, case: &str) -> Judged {
        match case {
            "empty_unary" => self.empty_unary().await,
            "large_unary" => self.large_unary().await,
            "client_streaming" => self.client_streaming().await,
            "server_streaming" => self.server_streaming().await,
            "ping_pong" => self.ping_pong().await,
            "empty_stream" => self.empty_stream().await,
            "timeout_on_sleeping_server" => self.timeout_on_sleeping_server().await,
            "cancel_after_begin" => self.cancel_after_begin().await,
            "cancel_after_first_response" => self.cancel_after_first_response().await,
            "status_code_and_message" => self.status_code_and_message().await,
            "special_status_message" => self.special_status_message().await,
            "custom_metadata" => self.custom_metadata().await,
            "unimplemented_method" => {
                let client = absent::TestServiceClient::new(self.client.clone());
                unimplemented(client.unimplemented_call(Nothing {}).await)
            }
            "unimplemented_service" => {
                let client = UnimplementedServiceClient::new(self.client.clone());
                unimplemented(client.unimplemented_call(Nothing {}).await)
            }
            other => Err(format!("no case {other:?}").into()),
        }
    }

    async fn empty_unary(&self) -> Judged {
        self.service.empty_call(Empty {}).await?;
        Ok("empty both ways".to_owned())
    }

    async fn large_unary(&self) -> Judged {
        let request = SimpleRequest {
            payload: Some(payload(LARGE_REQUEST)?),
            response_size: LARGE_ANSWER,
            ..SimpleRequest::default()
        };
        let answer = self.service.unary_call(request).await?;
        check_payload(answer.payload.as_ref(), usize::try_from(LARGE_ANSWER)?)?;
        Ok(format!("{LARGE_REQUEST} bytes up, {LARGE_ANSWER} down"))
    }

    async fn client_streaming(&self) -> Judged {
        let mut stream = self.service.streaming_input_call().await?;
        for size in REQUEST_SIZES {
            let payload = Some(payload(size)?);
            stream.send(StreamingInputCallRequest { payload }).await?;
        }
        let sum = stream.finish().await?.aggregated_payload_size;
        if sum != REQUEST_SIZES.iter().sum::<i32>() {
            return Err(format!("a sum of {sum}").into());
        }
        Ok(format!("a sum of {sum}"))
    }

    async fn server_streaming(&self) -> Judged {
        let request = StreamingOutputCallRequest {
            response_parameters: ANSWER_SIZES.map(parameters).into(),
            ..StreamingOutputCallRequest::default()
        };
        let mut stream = self.service.streaming_output_call(request).await?;
        for size in ANSWER_SIZES {
            let answer = stream.recv().await?.ok_or("an answer too few")?;
            check_payload(answer.payload.as_ref(), usize::try_from(size)?)?;
        }
        ended(stream.recv().await?.is_none())?;
        Ok(format!("{} answers", ANSWER_SIZES.len()))
    }

    async fn ping_pong(&self) -> Judged {
        let mut stream = self.service.full_duplex_call().await?;
        for (up, down) in REQUEST_SIZES.into_iter().zip(ANSWER_SIZES) {
            exchange(&mut stream, up, down).await?;
        }
        stream.close_send();
        ended(stream.recv().await?.is_none())?;
        Ok(format!("{} exchanges", ANSWER_SIZES.len()))
    }

    async fn empty_stream(&self) -> Judged {
        let mut stream = self.service.full_duplex_call().await?;
        stream.close_send();
        ended(stream.recv().await?.is_none())?;
        Ok("no messages".to_owned())
    }

    async fn timeout_on_sleeping_server(&self) -> Judged {
        let attempt = async {
            let call = self.service.full_duplex_call().timeout(Duration::from_millis(1));
            let mut stream = call.await?;
            let request = StreamingOutputCallRequest {
                payload: Some(payload(27_182)?),
                ..StreamingOutputCallRequest::default()
            };
            // Its failure is that of the stream, which `recv` tells.
            let _ = stream.send(request).await;
            stream.recv().await.map(drop)
        };
        let error = failed(attempt.await)?;
        if error.kind() != ErrorKind::Timeout {
            return Err(format!("{:?}: {error}", error.kind()).into());
        }
        status(&error, Code::DEADLINE_EXCEEDED, "context deadline exceeded")
    }

    async fn cancel_after_begin(&self) -> Judged {
        let wire = Proxy::start(&self.address, None).await?;
        let caller = Self::to(&wire.address)?;
        let call = caller.service.streaming_input_call();
        let mut stream = call.metadata("key1", "value1").metadata("key2", "value2").await?;
        sent(&wire, "request header", is_first_header).await?;
        stream.cancel();
        let told = status(&failed(stream.finish().await)?, Code::CANCELLED, "")?;
        sent(&wire, "reset with CANCEL", is_first_cancel).await?;
        caller.empty_unary().await?;
        Ok(format!("reset with CANCEL, {told}; the connection goes on"))
    }

    async fn cancel_after_first_response(&self) -> Judged {
        let wire = Proxy::start(&self.address, None).await?;
        let caller = Self::to(&wire.address)?;
        let mut stream = caller.service.full_duplex_call().await?;
        exchange(&mut stream, 27_182, 31_415).await?;
        stream.cancel();
        let told = status(&failed(stream.recv().await)?, Code::CANCELLED, "")?;
        sent(&wire, "reset with CANCEL", is_first_cancel).await?;
        caller.empty_unary().await?;
        Ok(format!("reset with CANCEL, {told}; the connection goes on"))
    }

    async fn status_code_and_message(&self) -> Judged {
        let echo = EchoStatus {
            code: Code::UNKNOWN.0,
            message: "test status message".to_owned(),
        };
        self.unary_status(&echo).await?;
        let mut stream = self.service.full_duplex_call().await?;
        let request = StreamingOutputCallRequest {
            response_status: Some(echo.clone()),
            ..StreamingOutputCallRequest::default()
        };
        stream.send(request).await?;
        stream.close_send();
        status(&failed(stream.recv().await)?, Code(echo.code), &echo.message)
    }

    async fn special_status_message(&self) -> Judged {
        let echo = EchoStatus {
            code: Code::UNKNOWN.0,
            message: "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n".to_owned(),
        };
        self.unary_status(&echo).await
    }

    async fn unary_status(&self, echo: &EchoStatus) -> Judged {
        let request = SimpleRequest {
            response_status: Some(echo.clone()),
            ..SimpleRequest::default()
        };
        let error = failed(self.service.unary_call(request).await)?;
        status(&error, Code(echo.code), &echo.message)
    }

    async fn custom_metadata(&self) -> Judged {
        let request = SimpleRequest {
            payload: Some(payload(1)?),
            response_size: 1,
            ..SimpleRequest::default()
        };
        let call = self.service.unary_call(request);
        let answer = call
            .metadata(INITIAL, INITIAL_VALUE)
            .metadata(TRAILING, TRAILING_VALUE)
            .full()
            .await?;
        came_back(&answer.header, &answer.trailer)?;

        let call = self.service.full_duplex_call();
        let mut stream = call
            .metadata(INITIAL, INITIAL_VALUE)
            .metadata(TRAILING, TRAILING_VALUE)
            .await?;
        exchange(&mut stream, 1, 1).await?;
        let header = stream.header().await?.clone();
        stream.close_send();
        ended(stream.recv().await?.is_none())?;
        came_back(&header, stream.trailer())?;
        Ok("header and trailer came back, unary and full duplex".to_owned())
    }
}

/// One request that wishes one answer.
async fn exchange(stream: &mut Duplex, up: i32, down: i32) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let request = StreamingOutputCallRequest {
        response_parameters: vec![parameters(down)],
        payload: Some(payload(up)?),
        ..StreamingOutputCallRequest::default()
    };
    stream.send(request).await?;
    let answer = stream.recv().await?.ok_or("no answer")?;
    Ok(check_payload(answer.payload.as_ref(), usize::try_from(down)?)?)
}

fn parameters(size: i32) -> ResponseParameters {
    ResponseParameters { size, interval_us: 0 }
}

fn ended(end: bool) -> Result<(), &'static str> {
    end.then_some(()).ok_or("an answer too many")
}

fn failed<T>(outcome: Result<T, Error>) -> Result<Error, &'static str> {
    outcome.err().ok_or("it did not fail")
}

fn unimplemented(outcome: Result<Nothing, Error>) -> Judged {
    status(&failed(outcome)?, Code::UNIMPLEMENTED, "")
}

/// The error has this code and, if one is wanted, exactly this message.
fn status(error: &Error, code: Code, message: &str) -> Judged {
    let found = error.grpc_status().ok_or_else(|| format!("no status: {error}"))?;
    if found.code != code || (!message.is_empty() && found.message != message) {
        return Err(format!("{found:?}, want {code:?} {message:?}").into());
    }
    Ok(format!("code {} {:?}", found.code.0, found.message))
}

fn came_back(header: &Metadata, trailer: &Metadata) -> Result<(), String> {
    let one = header.get_all(INITIAL).eq([INITIAL_VALUE]);
    if !one || trailer.get_binary(TRAILING) != Some(&TRAILING_VALUE) {
        return Err(format!("header {header:?}, trailer {trailer:?}"));
    }
    Ok(())
}

const LARGE_REQUEST: i32 = 271_828;
const LARGE_ANSWER: i32 = 314_159;
const REQUEST_SIZES: [i32; 4] = [27_182, 8, 1_828, 45_904];
const ANSWER_SIZES: [i32; 4] = [31_415, 9, 2_653, 58_979];
const INITIAL_VALUE: &str = "test_initial_metadata_value";
const TRAILING_VALUE: [u8; 6] = [0x0a, 0x0b, 0x0a, 0x0b, 0x0a, 0x0b];
