//! Our client, in this process.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use kitewire::{Client, Switch, Tokio, Transport};

use super::methods;
use crate::call::{Call, Dial, Outcome};
use crate::secured;

/// Keeps a client for each dial.
#[derive(Default)]
pub(crate) struct OurClient {
    clients: Mutex<BTreeMap<Dial, Client>>,
}

impl OurClient {
    pub(crate) async fn call(&self, call: Call) -> Result<Outcome, String> {
        let client = self.client(&call.dial)?;
        let began = Instant::now();
        let mut outcome = methods::call(&client, &call).await?;
        outcome.elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(outcome)
    }

    fn client(&self, dial: &Dial) -> Result<Client, String> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(dial) {
            return Ok(client.clone());
        }
        let client = build(dial, "interop.caller")?;
        clients.insert(dial.clone(), client.clone());
        Ok(client)
    }
}

/// A client that does as the Go client does with the same dial.
pub(crate) fn build(dial: &Dial, caller: &str) -> Result<Client, String> {
    let switch = |on| if on { Switch::On } else { Switch::Off };
    let transport = match dial.transport {
        "bare" => Transport::Bare,
        "framed" => Transport::Framed,
        "ttheader" => Transport::TtHeader,
        _ => Transport::TtHeaderFramed,
    };
    let timeout = if dial.timeout_ms == 0 { 10_000 } else { dial.timeout_ms };
    let mut builder = Client::to(dial.address.as_str())
        .transport(transport)
        .caller(caller)
        .destination("interop.dest")
        .timeout(Duration::from_millis(timeout))
        .connect_timeout(Duration::from_secs(5))
        .meta(switch(dial.ttheader_meta))
        .crc32c(switch(dial.crc32c));
    if dial.mux > 0 {
        builder = builder.multiplexed(dial.mux as usize);
    }
    let client = match &dial.tls {
        Some(files) => builder.build(secured::connecting(files)?),
        None => builder.build(Tokio),
    };
    client.map_err(|error| error.to_string())
}
