//! The client: lines in, lines out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, BufReader};
use tonic::codec::CompressionEncoding;
use tonic::transport::{Channel, Endpoint};

use crate::calls;
use crate::generated::peers_client::PeersClient;
use crate::words::{Outcome, Wish};

pub(crate) async fn run() -> Result<(), String> {
    let channels = Arc::new(Channels::default());
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await.map_err(|error| error.to_string())? {
        let wish: Wish = serde_json::from_str(&line).map_err(|error| format!("{line}: {error}"))?;
        let client = channels.client(&wish)?;
        tokio::spawn(async move {
            let began = Instant::now();
            let mut outcome = Outcome {
                id: wish.id,
                ..Outcome::default()
            };
            if let Err(status) = calls::make(client, &wish, &mut outcome).await {
                calls::ended(&mut outcome, status);
            }
            outcome.elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            match serde_json::to_string(&outcome) {
                Ok(line) => println!("{line}"),
                Err(error) => eprintln!("interop-tonic: {error}"),
            }
        });
    }
    Ok(())
}

/// A connection for each address.
#[derive(Debug, Default)]
struct Channels(Mutex<HashMap<String, Channel>>);

impl Channels {
    fn client(&self, wish: &Wish) -> Result<PeersClient<Channel>, String> {
        let mut channels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let channel = match channels.get(&wish.address) {
            Some(channel) => channel.clone(),
            None => {
                let endpoint =
                    Endpoint::from_shared(format!("http://{}", wish.address)).map_err(|error| error.to_string())?;
                let channel = endpoint.connect_timeout(Duration::from_secs(2)).connect_lazy();
                channels.insert(wish.address.clone(), channel.clone());
                channel
            }
        };
        let mut client = PeersClient::new(channel);
        if wish.compress {
            client = client.send_compressed(CompressionEncoding::Gzip);
        }
        if wish.accept {
            client = client.accept_compressed(CompressionEncoding::Gzip);
        }
        Ok(client)
    }
}
