//! `qmux` speaks the async half of `web-transport-trait`, `moq-net` the polled half; this is the step between.
//!
//! Session operations are futures kept until they resolve. A stream is moved into a small task and spoken to over a
//! channel, because an operation in flight owns it: one chunk of up to 16 KiB waits in each direction, so flow control
//! reaches the other side. Used on the WebSocket fallback only; QUIC is polled natively.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures::FutureExt;
use futures::future::BoxFuture;
use moq_net::web_transport_trait::poll::{self, BiStreams};
use moq_net::web_transport_trait::{RecvStream as _, SendStream as _, Session as _, Stats};
use qmux::{Error, RecvStream, SendStream};
use sync_wrapper::SyncWrapper;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::PollSemaphore;

/// Bytes moved at once.
const CHUNK: usize = 16 * 1024;
/// Bytes a watch for the end of a stream reads ahead of the reader.
const READ_AHEAD: usize = 64 * 1024;

/// A `qmux` session for `moq-net`. A clone has its own operations in flight.
pub struct Session {
    inner: qmux::Session,
    accept_uni: Slot<Result<RecvStream, Error>>,
    accept_bi: Slot<Result<(SendStream, RecvStream), Error>>,
    open_uni: Slot<Result<SendStream, Error>>,
    open_bi: Slot<Result<(SendStream, RecvStream), Error>>,
    datagram: Slot<Result<Bytes, Error>>,
    closed: Slot<Error>,
}

/// The wrapper makes it `Sync`, as the session is; nobody but `&mut self` looks in.
type Slot<T> = SyncWrapper<Option<BoxFuture<'static, T>>>;

impl Session {
    /// Wraps a session whose protocol has been agreed on.
    pub fn new(inner: qmux::Session) -> Self {
        Self {
            inner,
            accept_uni: SyncWrapper::new(None),
            accept_bi: SyncWrapper::new(None),
            open_uni: SyncWrapper::new(None),
            open_bi: SyncWrapper::new(None),
            datagram: SyncWrapper::new(None),
            closed: SyncWrapper::new(None),
        }
    }
}

impl Clone for Session {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone())
    }
}

fn run<T>(slot: &mut Slot<T>, cx: &mut Context<'_>, start: impl FnOnce() -> BoxFuture<'static, T>) -> Poll<T> {
    let slot = slot.get_mut();
    let output = ready!(slot.get_or_insert_with(start).as_mut().poll(cx));
    *slot = None;
    Poll::Ready(output)
}

impl poll::Session for Session {
    type SendStream = Writer;
    type RecvStream = Reader;
    type Error = Error;

    fn poll_accept_uni(&mut self, cx: &mut Context<'_>) -> Poll<Result<Reader, Error>> {
        let session = self.inner.clone();
        run(&mut self.accept_uni, cx, || async move { session.accept_uni().await }.boxed()).map_ok(Reader::new)
    }

    fn poll_accept_bi(&mut self, cx: &mut Context<'_>) -> Poll<Result<BiStreams<Self>, Error>> {
        let session = self.inner.clone();
        run(&mut self.accept_bi, cx, || async move { session.accept_bi().await }.boxed()).map_ok(both)
    }

    fn poll_open_uni(&mut self, cx: &mut Context<'_>) -> Poll<Result<Writer, Error>> {
        let session = self.inner.clone();
        run(&mut self.open_uni, cx, || async move { session.open_uni().await }.boxed()).map_ok(Writer::new)
    }

    fn poll_open_bi(&mut self, cx: &mut Context<'_>) -> Poll<Result<BiStreams<Self>, Error>> {
        let session = self.inner.clone();
        run(&mut self.open_bi, cx, || async move { session.open_bi().await }.boxed()).map_ok(both)
    }

    fn poll_send_datagram(&mut self, _: &mut Context<'_>, payload: &[u8]) -> Poll<Result<(), Error>> {
        Poll::Ready(self.inner.send_datagram(Bytes::copy_from_slice(payload)))
    }

    fn poll_recv_datagram(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, Error>> {
        let session = self.inner.clone();
        run(&mut self.datagram, cx, || async move { session.recv_datagram().await }.boxed())
    }

    fn max_datagram_size(&self) -> usize {
        self.inner.max_datagram_size()
    }

    fn protocol(&self) -> Option<&str> {
        self.inner.protocol()
    }

    fn close(&mut self, code: u32, reason: &str) {
        self.inner.close(code, reason);
    }

    fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        let session = self.inner.clone();
        run(&mut self.closed, cx, || async move { session.closed().await }.boxed())
    }

    fn stats(&self) -> impl Stats {
        self.inner.stats()
    }
}

fn both((send, recv): (SendStream, RecvStream)) -> (Writer, Reader) {
    (Writer::new(send), Reader::new(recv))
}

/// The sending half of a stream.
pub struct Writer {
    commands: mpsc::UnboundedSender<Command>,
    room: PollSemaphore,
    end: Arc<OnceLock<Result<(), Error>>>,
    ended: Pin<Box<tokio_util::sync::WaitForCancellationFutureOwned>>,
}

enum Command {
    /// The permit is returned when the chunk has been handed to `qmux`.
    Data(Bytes, OwnedSemaphorePermit),
    Priority(u8),
    Finish,
    Reset(u32),
}

impl Writer {
    fn new(stream: SendStream) -> Self {
        let (commands, inbox) = mpsc::unbounded_channel();
        let end = Arc::new(OnceLock::new());
        let over = tokio_util::sync::CancellationToken::new();
        let ended = Box::pin(over.clone().cancelled_owned());
        let result = Arc::clone(&end);
        tokio::spawn(async move {
            let _over = over.drop_guard();
            let outcome = write(stream, inbox).await;
            let _ = result.set(outcome);
        });
        Self { commands, room: PollSemaphore::new(Arc::new(Semaphore::new(1))), end, ended }
    }

    fn outcome(&self) -> Result<(), Error> {
        self.end.get().cloned().unwrap_or(Err(Error::Closed))
    }
}

/// Carries out commands until the stream has ended.
async fn write(mut stream: SendStream, mut inbox: mpsc::UnboundedReceiver<Command>) -> Result<(), Error> {
    let mut chunk = Bytes::new();
    let mut permit = None;
    let mut finish = false;
    loop {
        let command = if chunk.has_remaining() {
            tokio::select! {
                biased;
                command = inbox.recv() => command,
                // Cancel safe: what was not accepted stays in `chunk`.
                written = stream.write_buf(&mut chunk) => {
                    written?;
                    continue;
                }
            }
        } else {
            permit = None;
            if finish {
                stream.finish()?;
                return finished(stream, inbox).await;
            }
            tokio::select! {
                biased;
                command = inbox.recv() => command,
                closed = stream.closed() => return closed,
            }
        };
        match command {
            Some(Command::Data(bytes, room)) => (chunk, permit) = (bytes, Some(room)),
            Some(Command::Priority(order)) => stream.set_priority(order),
            Some(Command::Finish) => finish = true,
            Some(Command::Reset(code)) => {
                stream.reset(code);
                return Err(Error::Closed);
            }
            None if finish => {
                while chunk.has_remaining() {
                    stream.write_buf(&mut chunk).await?;
                }
                drop(permit);
                return stream.finish();
            }
            // Dropped without an end: `qmux` resets it.
            None => return Err(Error::Closed),
        }
    }
}

/// After the FIN: only its priority can change until it has been sent.
async fn finished(mut stream: SendStream, mut inbox: mpsc::UnboundedReceiver<Command>) -> Result<(), Error> {
    loop {
        tokio::select! {
            biased;
            command = inbox.recv() => match command {
                Some(Command::Priority(order)) => stream.set_priority(order),
                Some(Command::Reset(_)) | None => return Ok(()),
                Some(Command::Data(..) | Command::Finish) => {}
            },
            closed = stream.closed() => return closed,
        }
    }
}

impl poll::SendStream for Writer {
    type Error = Error;

    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize, Error>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if self.ended.as_mut().poll_unpin(cx).is_ready() {
            return Poll::Ready(Err(self.outcome().err().unwrap_or(Error::StreamClosed)));
        }
        let Some(permit) = ready!(self.room.poll_acquire(cx)) else {
            return Poll::Ready(Err(Error::StreamClosed));
        };
        let size = buf.len().min(CHUNK);
        let chunk = Bytes::copy_from_slice(&buf[..size]);
        match self.commands.send(Command::Data(chunk, permit)) {
            Ok(()) => Poll::Ready(Ok(size)),
            Err(_) => Poll::Ready(Err(self.outcome().err().unwrap_or(Error::StreamClosed))),
        }
    }

    fn set_priority(&mut self, order: u8) {
        let _ = self.commands.send(Command::Priority(order));
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.commands.send(Command::Finish).or_else(|_| self.outcome())
    }

    fn reset(&mut self, code: u32) {
        let _ = self.commands.send(Command::Reset(code));
    }

    fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.ended.as_mut().poll_unpin(cx));
        Poll::Ready(self.outcome())
    }
}

/// The receiving half of a stream.
pub struct Reader {
    chunks: mpsc::Receiver<Result<Bytes, Error>>,
    stop: Option<tokio::sync::oneshot::Sender<u32>>,
    queue: VecDeque<Bytes>,
    queued: usize,
    end: Option<Result<(), Error>>,
}

impl Reader {
    fn new(stream: RecvStream) -> Self {
        let (sender, chunks) = mpsc::channel(1);
        let (stop, stopped) = tokio::sync::oneshot::channel();
        tokio::spawn(read(stream, sender, stopped));
        Self { chunks, stop: Some(stop), queue: VecDeque::new(), queued: 0, end: None }
    }

    /// Takes one chunk, or notes the end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match ready!(self.chunks.poll_recv(cx)) {
            Some(Ok(chunk)) => {
                self.queued += chunk.len();
                self.queue.push_back(chunk);
            }
            Some(Err(error)) => self.end = Some(Err(error)),
            None => self.end = Some(Ok(())),
        }
        Poll::Ready(())
    }
}

/// Hands chunks over until the stream ends (the channel closes), fails, or is stopped.
async fn read(
    mut stream: RecvStream,
    chunks: mpsc::Sender<Result<Bytes, Error>>,
    mut stopped: tokio::sync::oneshot::Receiver<u32>,
) {
    loop {
        let step = async {
            let chunk = stream.read_chunk(CHUNK).await.transpose();
            let last = !matches!(chunk, Some(Ok(_)));
            match chunk {
                Some(chunk) => chunks.send(chunk).await.is_err() || last,
                None => true,
            }
        };
        tokio::select! {
            biased;
            // A dropped reader says nothing: `qmux` stops the stream when it is dropped here.
            code = &mut stopped => {
                stream.stop(code.unwrap_or(0));
                return;
            }
            last = step => if last { return },
        }
    }
}

impl poll::RecvStream for Reader {
    type Error = Error;

    fn poll_read(&mut self, cx: &mut Context<'_>, dst: &mut [u8]) -> Poll<Result<Option<usize>, Error>> {
        let chunk = ready!(self.poll_read_chunk(cx, dst.len()))?;
        Poll::Ready(Ok(chunk.map(|chunk| {
            dst[..chunk.len()].copy_from_slice(&chunk);
            chunk.len()
        })))
    }

    fn poll_read_chunk(&mut self, cx: &mut Context<'_>, max: usize) -> Poll<Result<Option<Bytes>, Error>> {
        if max == 0 {
            return Poll::Ready(Ok(Some(Bytes::new())));
        }
        loop {
            if let Some(front) = self.queue.front_mut() {
                let chunk = front.split_to(max.min(front.len()));
                if front.is_empty() {
                    self.queue.pop_front();
                }
                self.queued -= chunk.len();
                return Poll::Ready(Ok(Some(chunk)));
            }
            match &self.end {
                Some(end) => return Poll::Ready(end.clone().map(|()| None)),
                None => ready!(self.poll_fill(cx)),
            }
        }
    }

    fn stop(&mut self, code: u32) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(code);
        }
    }

    fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        loop {
            if let Some(end) = &self.end {
                return Poll::Ready(end.clone());
            }
            if self.queued >= READ_AHEAD {
                // The reader drains it, and asks again.
                return Poll::Pending;
            }
            ready!(self.poll_fill(cx));
        }
    }
}
