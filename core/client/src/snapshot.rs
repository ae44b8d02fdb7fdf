//! A photo of this visit: with the marks that were on it, sealed into the vault before anybody is told, then on its way.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use handlens_media::still;
use handlens_protocol::api::GuestView;
use handlens_protocol::limits::PUBLIC_KEY_BYTES;
use handlens_protocol::mark::{self, Mark, MarkSet};
use handlens_protocol::snapshot::{self, About, Invalid, Placed};
use handlens_protocol::{ObjectId, ParticipantId, RequestId, Secret};
use handlens_seal::hpke::SealKey;
use handlens_seal::signature::PublicKey;
use handlens_vault::{Recipient, Vault};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::clock;
use crate::error::Error;
use crate::marks::nowhere;
use crate::outbox::Outbox;

/// Records of frames that are remembered: two seconds of them.
const RECORDS: usize = 64;
/// How long a photo waits for the place of its marks: they are found on a thread of their own.
const PLACING: Duration = Duration::from_millis(500);

/// A photograph that was just taken with the camera of this visit.
pub struct Photo {
    /// The request it answers, if there was one.
    pub request: Option<RequestId>,
    /// JPEG, as the camera gave it.
    pub jpeg: Vec<u8>,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// When it was taken: [`crate::capture_us`]. Of a frame that was also pushed into the camera, its marks are known.
    pub capture_us: u64,
}

impl fmt::Debug for Photo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Photo").field("request", &self.request).field("bytes", &self.jpeg.len()).finish_non_exhaustive()
    }
}

/// What was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// What it is called from here on.
    pub object: ObjectId,
    /// Bytes of the plaintext: what is said of it, and the JPEG.
    pub bytes: u64,
    /// SHA-256 of the plaintext, taken before it was sealed.
    pub sha256: [u8; 32],
}

/// What a photo needs to know of its visit.
#[derive(Debug, Default)]
pub(crate) struct Album {
    state: Mutex<State>,
    newest: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    recipient: Option<Recipient>,
    me: Option<ParticipantId>,
    marks: Vec<Mark>,
    records: VecDeque<Arc<mark::Frame>>,
    /// Requests that have their photo, also when it left the vault since and the server did not say so yet.
    answered: HashSet<RequestId>,
}

impl Album {
    /// Who and where this device is, and the login that it sends with.
    pub(crate) fn joined(&self, view: &GuestView, pass: Option<Secret<Vec<u8>>>) {
        let mut state = self.state();
        state.me = Some(view.participant);
        state.recipient = recipient(view, pass);
    }

    /// Every mark there is.
    pub(crate) fn set(&self, set: &MarkSet) {
        let mut state = self.state();
        let me = state.me;
        state.marks = set.marks.iter().filter(|mark| Some(mark.camera) == me).map(without_patch).collect();
    }

    /// Where they are on one frame.
    pub(crate) fn record(&self, frame: &Arc<mark::Frame>) {
        let mut state = self.state();
        state.records.push_back(Arc::clone(frame));
        if state.records.len() > RECORDS {
            state.records.pop_front();
        }
        drop(state);
        self.newest.send_replace(frame.capture_us);
    }

    /// Whom photos are sealed for.
    pub(crate) fn recipient(&self) -> Option<Recipient> {
        self.state().recipient.clone()
    }

    /// The marks with their places on the frame of that time. One whose place is not known is said to be lost.
    async fn placed(&self, capture_us: u64) -> Vec<Placed> {
        if self.state().marks.is_empty() {
            return Vec::new();
        }
        let mut newest = self.newest.subscribe();
        // Whoever is not found in time is lost.
        let _ = timeout(PLACING, newest.wait_for(|newest| *newest >= capture_us)).await;
        let state = self.state();
        let record = state.records.iter().find(|record| record.capture_us == capture_us);
        let place = |mark: &Mark| {
            let known = record.and_then(|record| record.marks.iter().find(|position| position.id == mark.id));
            Placed { mark: mark.clone(), position: known.cloned().unwrap_or_else(|| nowhere(mark)) }
        };
        state.marks.iter().map(place).collect()
    }

    /// Takes a request to answer it; `false` when somebody else has, or had.
    fn claim(&self, request: RequestId) -> bool {
        self.state().answered.insert(request)
    }

    fn unclaim(&self, request: RequestId) {
        self.state().answered.remove(&request);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Seals a photo into the vault, and lets the outbox know.
pub(crate) async fn keep(album: &Arc<Album>, outbox: &Arc<Outbox>, photo: Photo) -> Result<Taken, Error> {
    let Photo { request, jpeg, width, height, capture_us } = photo;
    let jpeg = Zeroizing::new(jpeg);
    let jpeg = Zeroizing::new(still::bare(&jpeg).map_err(Error::Jpeg)?);
    let recipient = album.recipient().ok_or(Error::NotJoined)?;
    let taken_us = clock::unix_us().saturating_sub(clock::capture_us().saturating_sub(capture_us));
    let marks = album.placed(capture_us).await;
    let plaintext = encode(About { v: 1, capture_us, taken_us, width, height, marks }, &jpeg)?;
    let (bytes, sha256) = (plaintext.len() as u64, Sha256::digest(&*plaintext).into());
    let (album, outbox) = (Arc::clone(album), Arc::clone(outbox));
    // Goes to its end also when the caller does not wait for it: what was kept is sent.
    let kept = spawn_blocking(move || {
        if request.is_some_and(|request| !album.claim(request)) {
            return Err(Error::Answered);
        }
        let kept = seal(outbox.vault(), &recipient, request, plaintext);
        match (&kept, request) {
            (Ok(_), _) => outbox.again(),
            (Err(Error::Answered), _) | (Err(_), None) => {}
            (Err(_), Some(request)) => album.unclaim(request),
        }
        kept
    });
    let object = kept.await.map_err(|_| Error::Stopping)??;
    Ok(Taken { object, bytes, sha256 })
}

fn seal(
    vault: &Vault,
    recipient: &Recipient,
    request: Option<RequestId>,
    plaintext: Zeroizing<Vec<u8>>,
) -> Result<ObjectId, Error> {
    // Asked again after a kill: the answer may be here already.
    let pending = vault.pending().map_err(Error::Vault)?;
    if request.is_some() && pending.ready.iter().any(|kept| kept.request == request) {
        return Err(Error::Answered);
    }
    vault.keep(recipient, request, plaintext, clock::unix_us()).map_err(Error::Vault)
}

/// A new login for what waits already.
pub(crate) async fn renew(vault: Arc<Vault>, recipient: Recipient) -> Result<(), Error> {
    let Some(pass) = recipient.pass else { return Ok(()) };
    let session = recipient.session;
    let renewed = spawn_blocking(move || vault.set_pass(session, &pass)).await;
    renewed.map_err(|_| Error::Stopping)?.map_err(Error::Vault)
}

/// The plaintext. Where too much is drawn for what may be said, the oldest marks are left out.
fn encode(mut about: About, jpeg: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    loop {
        match snapshot::encode(&about, jpeg) {
            Err(Invalid::TooLarge { .. }) if !about.marks.is_empty() => drop(about.marks.remove(0)),
            encoded => return encoded.map(Zeroizing::new).map_err(Error::Photo),
        }
    }
}

fn without_patch(mark: &Mark) -> Mark {
    Mark { patch: None, ..mark.clone() }
}

fn recipient(view: &GuestView, pass: Option<Secret<Vec<u8>>>) -> Option<Recipient> {
    let key = |text: &str| -> Option<[u8; PUBLIC_KEY_BYTES]> {
        let fits = text.len() == (PUBLIC_KEY_BYTES * 4).div_ceil(3);
        fits.then(|| BASE64URL_NOPAD.decode(text.as_bytes()).ok()?.try_into().ok()).flatten()
    };
    Some(Recipient {
        organisation: view.organisation,
        session: view.session,
        seal_key: SealKey::from_sec1(&key(&view.seal_key)?).ok()?,
        receipt_key: PublicKey::from_sec1(&key(&view.receipt_key)?).ok()?,
        pass,
    })
}
