//! Our server of the interop service.

use std::time::Duration;

use kitewire::{Call, Code, Error, Receiver, Sender};

use crate::foreign::generated::interop::{
    EchoStatus, Empty, Payload, ResponseParameters, SimpleRequest, SimpleResponse, StreamingInputCallRequest,
    StreamingInputCallResponse, StreamingOutputCallRequest, StreamingOutputCallResponse, TestService,
};

/// Answers as each request wishes.
pub(in crate::foreign) struct TestServer;

impl TestService for TestServer {
    async fn empty_call(&self, _: &Call, _: Empty) -> Result<Empty, Error> {
        Ok(Empty {})
    }

    async fn unary_call(&self, call: &Call, request: SimpleRequest) -> Result<SimpleResponse, Error> {
        give_back(call)?;
        wished_status(request.response_status)?;
        Ok(SimpleResponse {
            payload: Some(payload(request.response_size)?),
        })
    }

    async fn streaming_output_call(
        &self,
        _: &Call,
        request: StreamingOutputCallRequest,
        mut out: Sender<StreamingOutputCallResponse>,
    ) -> Result<(), Error> {
        answer(&request.response_parameters, &mut out).await
    }

    async fn streaming_input_call(
        &self,
        _: &Call,
        mut requests: Receiver<StreamingInputCallRequest>,
    ) -> Result<StreamingInputCallResponse, Error> {
        let mut length = 0;
        while let Some(request) = requests.recv().await? {
            length += request.payload.map_or(0, |payload| payload.body.len());
        }
        Ok(StreamingInputCallResponse {
            aggregated_payload_size: i32::try_from(length).map_err(Error::new)?,
        })
    }

    async fn full_duplex_call(
        &self,
        call: &Call,
        mut requests: Receiver<StreamingOutputCallRequest>,
        mut out: Sender<StreamingOutputCallResponse>,
    ) -> Result<(), Error> {
        give_back(call)?;
        while let Some(request) = requests.recv().await? {
            wished_status(request.response_status)?;
            answer(&request.response_parameters, &mut out).await?;
        }
        Ok(())
    }
}

/// Zeros.
pub(in crate::foreign) fn payload(length: i32) -> Result<Payload, Error> {
    let length = usize::try_from(length).map_err(|_| Error::status(Code::INVALID_ARGUMENT, "a negative length"))?;
    Ok(Payload {
        body: vec![0; length],
        ..Payload::default()
    })
}

/// It has this length, all zeros.
pub(in crate::foreign) fn check_payload(payload: Option<&Payload>, length: usize) -> Result<(), String> {
    let body = payload.map_or(&[][..], |payload| &payload.body);
    if body.len() != length || body.iter().any(|byte| *byte != 0) {
        return Err(format!("a payload of {} bytes, not {length} zeros", body.len()));
    }
    Ok(())
}

async fn answer(wishes: &[ResponseParameters], out: &mut Sender<StreamingOutputCallResponse>) -> Result<(), Error> {
    for wish in wishes {
        if let Ok(interval @ 1..) = u64::try_from(wish.interval_us) {
            tokio::time::sleep(Duration::from_micros(interval)).await;
        }
        let payload = Some(payload(wish.size)?);
        out.send(StreamingOutputCallResponse { payload }).await?;
    }
    Ok(())
}

fn wished_status(status: Option<EchoStatus>) -> Result<(), Error> {
    match status {
        Some(status) if status.code != 0 => Err(Error::status(Code(status.code), status.message)),
        _ => Ok(()),
    }
}

/// Some metadata comes back as header and as trailer.
fn give_back(call: &Call) -> Result<(), Error> {
    if let Some(value) = call.metadata().get(INITIAL) {
        call.set_header(INITIAL, value)?;
    }
    if let Some(value) = call.metadata().get_binary(TRAILING) {
        call.set_trailer(TRAILING, value)?;
    }
    Ok(())
}

pub(super) const INITIAL: &str = "x-grpc-test-echo-initial";
pub(super) const TRAILING: &str = "x-grpc-test-echo-trailing-bin";
