//! The service's handlers.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use kitewire::{Call, Code, Error, Sender};

use crate::ServingStatus;
use crate::board::{Board, Watcher};
use crate::v1::health_check_response::ServingStatus as WireStatus;
use crate::v1::{Health, HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse};

pub(crate) struct HealthService {
    board: Arc<Board>,
}

impl HealthService {
    pub(crate) const fn new(board: Arc<Board>) -> Self {
        Self { board }
    }
}

impl Health for HealthService {
    async fn check(&self, _call: &Call, request: HealthCheckRequest) -> Result<HealthCheckResponse, Error> {
        match self.board.status(&request.service) {
            Some(status) => Ok(response(Some(status))),
            None => Err(Error::status(Code::NOT_FOUND, "unknown service")),
        }
    }

    async fn list(&self, _call: &Call, _request: HealthListRequest) -> Result<HealthListResponse, Error> {
        if self.board.len() > MAX_LISTED {
            let message = format!("server health list exceeds maximum capacity: {MAX_LISTED}");
            return Err(Error::status(Code::RESOURCE_EXHAUSTED, message));
        }
        let statuses = self.board.all().into_iter();
        Ok(HealthListResponse {
            statuses: statuses
                .map(|(service, status)| (service, response(Some(status))))
                .collect(),
        })
    }

    async fn watch(
        &self,
        call: &Call,
        request: HealthCheckRequest,
        mut out: Sender<HealthCheckResponse>,
    ) -> Result<(), Error> {
        if request.service.len() > MAX_NAME {
            let message = format!("a service name has at most {MAX_NAME} bytes");
            return Err(Error::status(Code::INVALID_ARGUMENT, message));
        }
        let mut watcher = self.board.watch(request.service);
        while let Some(status) = change(call, &mut watcher).await {
            out.send(response(status)).await?;
        }
        Ok(())
    }
}

/// The next status; `None` once nobody waits for it any more.
async fn change(call: &Call, watcher: &mut Watcher) -> Option<Option<ServingStatus>> {
    let mut cancelled = pin!(call.cancelled());
    poll_fn(|cx| match cancelled.as_mut().poll(cx) {
        Poll::Ready(_) => Poll::Ready(None),
        Poll::Pending => watcher.poll_change(cx).map(Some),
    })
    .await
}

fn response(status: Option<ServingStatus>) -> HealthCheckResponse {
    let status = match status {
        Some(ServingStatus::Unknown) => WireStatus::Unknown,
        Some(ServingStatus::Serving) => WireStatus::Serving,
        Some(ServingStatus::NotServing) => WireStatus::NotServing,
        None => WireStatus::ServiceUnknown,
    };
    HealthCheckResponse { status: status.into() }
}

/// Services in an answer to `List`; the protocol says so.
const MAX_LISTED: usize = 100;

/// Bytes of a name that is watched: it is kept as long as the stream lasts, known or not.
const MAX_NAME: usize = 1024;
