//! A wire between a phone and its server's HTTPS port that can be cut after so many bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Forwards connections to one port. Stops when dropped.
pub struct Gate {
    port: u16,
    wire: Arc<Wire>,
    task: JoinHandle<()>,
}

struct Wire {
    /// Bytes from the phone that still pass.
    left: AtomicU64,
    cut: AtomicBool,
    was_cut: Notify,
}

impl Gate {
    /// An open one, to a server's origin.
    pub async fn to(origin: &str) -> Self {
        let server: u16 = origin.rsplit_once(':').unwrap().1.parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let wire =
            Arc::new(Wire { left: AtomicU64::new(u64::MAX), cut: AtomicBool::new(false), was_cut: Notify::new() });
        let task = tokio::spawn({
            let wire = Arc::clone(&wire);
            async move {
                while let Ok((phone, _)) = listener.accept().await {
                    let wire = Arc::clone(&wire);
                    tokio::spawn(async move {
                        if let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await {
                            let ((from_phone, to_phone), (from_server, to_server)) =
                                (phone.into_split(), server.into_split());
                            tokio::spawn(wire.up(from_phone, to_server));
                            down(from_server, to_phone).await;
                        }
                    });
                }
            }
        });
        Self { port, wire, task }
    }

    /// The same link, through here.
    pub fn link(&self, link: &str) -> String {
        let (origin, rest) = link.split_once("/j#").unwrap();
        let (host, _) = origin.rsplit_once(':').unwrap();
        format!("{host}:{}/j#{rest}", self.port)
    }

    /// Lets so many more bytes of the phone through, and none after.
    pub fn cut_after(&self, bytes: u64) {
        self.wire.cut.store(false, Ordering::SeqCst);
        self.wire.left.store(bytes, Ordering::SeqCst);
    }

    /// Everything passes again. What was held back is gone with its connection.
    pub fn open(&self) {
        self.wire.left.store(u64::MAX, Ordering::SeqCst);
    }

    /// Returns when the phone had more to say than passed.
    pub async fn was_cut(&self) {
        while !self.wire.cut.load(Ordering::SeqCst) {
            self.wire.was_cut.notified().await;
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Wire {
    /// Forwards what the phone says; once the wire is cut, the connection stands until the phone is gone.
    async fn up(self: Arc<Self>, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mut buffer = vec![0; 4096];
        let mut whole = true;
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            let mut passes = 0;
            let take = |left: u64| {
                passes = left.min(read as u64);
                Some(left - passes)
            };
            let _ = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take);
            let passes = usize::try_from(passes).unwrap();
            if whole && to.write_all(&buffer[..passes]).await.is_err() {
                return;
            }
            if passes < read {
                whole = false;
                self.cut.store(true, Ordering::SeqCst);
                self.was_cut.notify_one();
            }
        }
    }
}

async fn down(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    // Whichever side ends first ends it.
    let _ = tokio::io::copy(&mut from, &mut to).await;
}
