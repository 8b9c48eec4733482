//! An end of a connection that speaks frames and nothing above them.

use std::io;
use std::time::Duration;

use kitewire::Address;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::{FC_ACK, FC_SETTINGS, Frame, META};
use crate::site::{PATIENCE, within};

/// One end of a connection that speaks frames and nothing above them.
#[derive(Debug)]
pub struct Peer {
    socket: TcpStream,
    input: Vec<u8>,
}

impl Peer {
    /// A client that does not offer flow control, as a stock peer.
    ///
    /// # Panics
    /// If nobody listens.
    pub async fn connect(address: &Address) -> Self {
        Self::over(TcpStream::connect(address.to_string()).await.unwrap())
    }

    /// An end of a connection that is there already.
    #[must_use]
    pub fn over(socket: TcpStream) -> Self {
        socket.set_nodelay(true).unwrap();
        Self {
            socket,
            input: Vec::new(),
        }
    }

    /// A client that offers flow control with these windows, and has read and acknowledged the answer.
    ///
    /// # Panics
    /// If the server does not accept.
    pub async fn negotiated(address: &Address, connection: u64, stream: u64) -> Self {
        let mut peer = Self::connect(address).await;
        let offer = format!("1,{connection},{stream}");
        peer.send([Self::control(FC_SETTINGS, &offer)]).await;
        let answer = peer.next().await.expect("an answer to the offer");
        let settings = answer.get_int(FC_SETTINGS).expect("settings");
        assert!(settings.starts_with("1,"), "{settings}");
        peer.send([Self::control(FC_ACK, "1")]).await;
        peer
    }

    /// A meta frame of the connection.
    #[must_use]
    pub fn control(key: u16, value: &str) -> Frame {
        Frame {
            method: None,
            ..Frame::new(0, META).int(key, value)
        }
    }

    /// Sends frames in one piece.
    ///
    /// # Panics
    /// If the connection has gone.
    pub async fn send(&mut self, frames: impl IntoIterator<Item = Frame>) {
        let bytes: Vec<u8> = frames.into_iter().flat_map(|frame| frame.encode()).collect();
        self.send_bytes(&bytes).await.unwrap();
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// The connection has gone.
    pub async fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes).await
    }

    /// The next frame, those of the connection included; `None` at the end of the connection.
    ///
    /// # Panics
    /// If none comes in time.
    pub async fn next(&mut self) -> Option<Frame> {
        within(read_frame(&mut self.socket, &mut self.input)).await
    }

    /// The next frame of a stream, flow control passed over.
    ///
    /// # Panics
    /// If none comes in time, or the connection ends.
    pub async fn frame(&mut self) -> Frame {
        loop {
            let frame = self.next().await.expect("another frame");
            if frame.kind != META {
                return frame;
            }
        }
    }

    /// Frames of streams up to the first of this type.
    ///
    /// # Panics
    /// As [`Self::frame`].
    pub async fn until(&mut self, kind: &str) -> Vec<Frame> {
        let mut frames = vec![self.frame().await];
        while frames.last().is_none_or(|frame| frame.kind != kind) {
            frames.push(self.frame().await);
        }
        frames
    }

    /// So many frames of streams, and what else comes within a moment.
    ///
    /// # Panics
    /// As [`Self::frame`].
    pub async fn only(&mut self, count: usize) -> Vec<Frame> {
        let mut frames = Vec::new();
        for _ in 0..count {
            frames.push(self.frame().await);
        }
        frames.extend(self.during(Duration::from_millis(50)).await);
        frames
    }

    /// What comes within `time`, flow control passed over.
    pub async fn during(&mut self, time: Duration) -> Vec<Frame> {
        let mut frames = Vec::new();
        let _ = tokio::time::timeout(time, async {
            while let Some(frame) = self.next().await {
                if frame.kind != META {
                    frames.push(frame);
                }
            }
        })
        .await;
        frames
    }

    /// Whether the other side closes the connection; what it still sends is dropped.
    pub async fn is_closed(&mut self) -> bool {
        let closed = async { while self.next().await.is_some() {} };
        tokio::time::timeout(PATIENCE, closed).await.is_ok()
    }

    /// Its two directions, which may live in different tasks.
    #[must_use]
    pub fn split(self) -> (Reading, Writing) {
        let (socket, out) = self.socket.into_split();
        let input = self.input;
        (Reading { socket, input }, Writing(out))
    }

    /// The socket, for what frames cannot say.
    pub const fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }
}

/// The frames that come in.
#[derive(Debug)]
pub struct Reading {
    socket: OwnedReadHalf,
    input: Vec<u8>,
}

impl Reading {
    /// The next frame, those of the connection included; `None` at the end of the connection.
    pub async fn next(&mut self) -> Option<Frame> {
        read_frame(&mut self.socket, &mut self.input).await
    }
}

/// The bytes that go out.
#[derive(Debug)]
pub struct Writing(OwnedWriteHalf);

impl Writing {
    /// Sends bytes.
    ///
    /// # Errors
    /// The connection has gone.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes).await
    }

    /// Says that nothing more comes.
    pub async fn end(&mut self) {
        // It may be closed already.
        let _ = self.0.shutdown().await;
    }
}

async fn read_frame(socket: &mut (impl AsyncRead + Unpin), input: &mut Vec<u8>) -> Option<Frame> {
    loop {
        if let Some(frame) = Frame::split(input) {
            return Some(frame);
        }
        match socket.read_buf(input).await {
            Ok(0) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}
