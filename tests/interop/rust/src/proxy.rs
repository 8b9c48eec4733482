//! A proxy between a client and a server: it keeps what it carried and may change one byte. Its connections end with it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// The bytes of both ways, in the order of their arrival.
#[derive(Debug, Clone, Default)]
pub(crate) struct Carried {
    pub(crate) requests: Vec<u8>,
    pub(crate) answers: Vec<u8>,
}

/// Stops with its handle.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) address: String,
    carried: Arc<Mutex<Carried>>,
    accepted: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// Changes every request byte `from` to `to`, when given.
    pub(crate) async fn start(server: &str, change: Option<(u8, u8)>) -> Result<Self, String> {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?.to_string();
        let carried = Arc::new(Mutex::new(Carried::default()));
        let accepted = Arc::new(AtomicUsize::new(0));
        let (kept, counted) = (Arc::clone(&carried), Arc::clone(&accepted));
        let server = server.to_owned();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(&server).await else {
                    return;
                };
                counted.fetch_add(1, Ordering::Relaxed);
                let (client_read, client_write) = client.into_split();
                let (server_read, server_write) = server.into_split();
                let (requests, answers) = (Arc::clone(&kept), Arc::clone(&kept));
                connections.spawn(async move {
                    let keep = |bytes: &mut [u8]| {
                        if let Some((from, to)) = change {
                            bytes
                                .iter_mut()
                                .filter(|byte| **byte == from)
                                .for_each(|byte| *byte = to);
                        }
                        requests
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .requests
                            .extend_from_slice(bytes);
                    };
                    carry(client_read, server_write, keep).await;
                });
                connections.spawn(async move {
                    let keep = |bytes: &mut [u8]| {
                        answers
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .answers
                            .extend_from_slice(bytes);
                    };
                    carry(server_read, client_write, keep).await;
                });
            }
        });
        Ok(Self {
            address,
            carried,
            accepted,
            task,
        })
    }

    /// As many connections were made so far.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Waits until such bytes came from the server.
    pub(crate) async fn carries_answer(&self, wanted: &[u8]) -> Result<(), String> {
        for _ in 0..1000 {
            if self
                .carried()
                .answers
                .windows(wanted.len())
                .any(|bytes| bytes == wanted)
            {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Err(format!("the server has not sent {wanted:?}"))
    }

    pub(crate) fn carried(&self) -> Carried {
        self.carried.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut keep: impl FnMut(&mut [u8])) {
    let mut block = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut block).await {
        let Some(bytes) = block.get_mut(..count) else { return };
        keep(bytes);
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
    // The other side learns of the end; nothing is left to say when it is gone already.
    let _ = to.shutdown().await;
}
