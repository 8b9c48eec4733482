//! The raw baseline: length-prefixed echo over TCP on tokio, with nothing between the socket and the copy.

use std::collections::VecDeque;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use bench_load::{Caller, ClientArgs, Failure, Mode, Recorder, ServerArgs};
use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

fn main() -> ExitCode {
    bench_load::run(serve, load)
}

async fn serve(args: ServerArgs) -> Result<(), Failure> {
    let listener = TcpListener::bind(args.addr).await?;
    bench_load::announce(listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(echo(stream));
    }
}

/// Answers all requests that one read brought with one write.
async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut input = BytesMut::with_capacity(BUFFER);
    let mut output = Vec::with_capacity(BUFFER);
    loop {
        input.reserve(BUFFER / 2);
        if stream.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
        while let Some(len) = whole_frame(&input) {
            output.extend_from_slice(&input[..len]);
            input.advance(len);
        }
        stream.write_all(&output).await?;
        output.clear();
    }
}

async fn load(args: ClientArgs) -> Result<(), Failure> {
    let frame = frame(args.payload);
    if args.mode == Mode::Mux {
        let recorder = Arc::new(Recorder::new(&args));
        let stream = connect(&args).await?;
        tokio::spawn({
            let recorder = Arc::clone(&recorder);
            async move {
                if let Err(failure) = pipeline(stream, &frame, args.concurrency, &recorder).await {
                    recorder.fail(failure.into());
                }
            }
        });
        return recorder.finish().await;
    }
    let mut callers = Vec::new();
    for _ in 0..args.concurrency {
        callers.push(Connection {
            stream: connect(&args).await?,
            frame: frame.clone(),
            answer: BytesMut::with_capacity(BUFFER),
        });
    }
    bench_load::drive(&args, callers).await
}

async fn connect(args: &ClientArgs) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(args.addr).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Keeps so many requests in flight on one connection; whatever was answered by one read is asked anew by one write.
async fn pipeline(mut stream: TcpStream, frame: &[u8], in_flight: usize, recorder: &Recorder) -> io::Result<()> {
    let mut input = BytesMut::with_capacity(BUFFER);
    let mut output = Vec::with_capacity(BUFFER);
    let mut started = VecDeque::with_capacity(in_flight);
    loop {
        let now = Instant::now();
        while started.len() < in_flight && recorder.admit() {
            output.extend_from_slice(frame);
            started.push_back(now);
        }
        if started.is_empty() {
            return Ok(());
        }
        stream.write_all(&output).await?;
        output.clear();
        input.reserve(BUFFER / 2);
        if stream.read_buf(&mut input).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        while let Some(len) = whole_frame(&input) {
            input.advance(len);
            if let Some(start) = started.pop_front() {
                recorder.record(start);
            }
        }
    }
}

struct Connection {
    stream: TcpStream,
    frame: Vec<u8>,
    answer: BytesMut,
}

impl Caller for Connection {
    async fn call(&mut self) -> Result<(), Failure> {
        self.stream.write_all(&self.frame).await?;
        loop {
            if let Some(len) = whole_frame(&self.answer) {
                self.answer.advance(len);
                return Ok(());
            }
            self.answer.reserve(BUFFER / 2);
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err("the server closed the connection".into());
            }
        }
    }
}

fn frame(payload: usize) -> Vec<u8> {
    let mut frame = u32::try_from(payload).unwrap_or(u32::MAX).to_be_bytes().to_vec();
    frame.resize(PREFIX + payload, b'x');
    frame
}

/// The length of the frame at the start of `input`, once it is whole.
fn whole_frame(input: &[u8]) -> Option<usize> {
    let prefix = input.first_chunk::<PREFIX>()?;
    let len = PREFIX + u32::from_be_bytes(*prefix) as usize;
    (input.len() >= len).then_some(len)
}

const PREFIX: usize = 4;
const BUFFER: usize = 64 * 1024;
