//! Parts, and what happens when the last one is there.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};

use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use handlens_audit::Action;
use handlens_protocol::{Kind, ObjectId, Problem};
use handlens_seal::Header;
use handlens_seal::container::{Opener, PREFIX, SEALED_CHUNK};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

use super::{item, mine, moved};
use crate::access::UploadPermit;
use crate::app::{App, fault};
use crate::audit::{Details, Note};
use crate::blob;
use crate::keys;
use crate::session::unknown;
use crate::snapshot;
use crate::store::session;
use crate::store::upload::{self, Stored, Upload};

/// A part that was not taken.
#[derive(Debug)]
pub struct Refused {
    /// Why.
    pub problem: Problem,
    /// Where the upload is, if the part began elsewhere.
    pub offset: Option<u64>,
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self { problem, offset: None }
    }
}

/// What the whole object turned out to be.
enum Verdict {
    Whole,
    OtherDigest,
    DoesNotOpen,
}

/// Takes a part that begins at `offset`, and says where the upload is then. An empty part where the upload stands changes
/// nothing, also when the object is stored already.
///
/// # Errors
/// `not-found`, `session-ended`, `offset-mismatch`, `too-large` beyond the announced length; with the last part
/// `wrong-digest` (the upload begins anew) and `invalid` (it is forgotten).
pub async fn append(app: &App, permit: &UploadPermit, id: ObjectId, offset: u64, part: Bytes) -> Result<u64, Refused> {
    let (app, permit) = (app.clone(), permit.clone());
    // A task of its own: a caller who goes away in the middle must not leave a write behind that has no turn.
    let work = tokio::spawn(async move {
        let _turn = app.uploads.turn(id).await;
        take(&app, &permit, id, offset, part).await
    });
    work.await.map_err(|_| fault("the server is stopping"))?
}

async fn take(app: &App, permit: &UploadPermit, id: ObjectId, offset: u64, part: Bytes) -> Result<u64, Refused> {
    let (row, there) = mine(app, permit, id).await?;
    if offset != there.received {
        return Err(elsewhere(there.received));
    }
    let end = offset + part.len() as u64;
    if end > there.bytes {
        let detail = format!("{} bytes were announced, and this part goes to {end}.", there.bytes);
        return Err(Problem::new(Kind::TooLarge, detail).into());
    }
    if part.is_empty() {
        return Ok(offset);
    }
    let guest = permit.guest();
    let request = Some(guest.request);
    match app.blobs.write(id, offset, part).await {
        Ok(()) => {}
        Err(lost @ blob::Error::Lost { .. }) => {
            // A restored backup, or another disk. What the row says is not true any more: the device sends it again.
            tracing::error!(object = %id, %lost, "an upload begins anew");
            moved(app, guest.owner(), row.id, id, 0, request).await?;
            return Err(elsewhere(0));
        }
        Err(error) => return Err(fault(error).into()),
    }
    if end < there.bytes {
        moved(app, guest.owner(), row.id, id, end, request).await?;
        return Ok(end);
    }
    let keys = app.keys(guest.organisation()).await?;
    match examine(app, &keys, &there).await? {
        Verdict::Whole => {
            app.blobs.finish(id).await.map_err(Problem::from)?;
            store(app, permit, &keys, &there).await?;
            Ok(end)
        }
        Verdict::OtherDigest => {
            moved(app, guest.owner(), row.id, id, 0, request).await?;
            app.blobs.discard(id).await.map_err(Problem::from)?;
            let detail = "The photo arrived changed and was thrown away. It is still on the phone: send it again.";
            Err(Problem::new(Kind::WrongDigest, detail).into())
        }
        Verdict::DoesNotOpen => {
            forget(app, permit, id).await?;
            app.blobs.discard(id).await.map_err(Problem::from)?;
            let detail = "What arrived does not open with the key that came with it. It was thrown away.";
            Err(Problem::new(Kind::Invalid, detail).into())
        }
    }
}

/// Its digest and every tag in it, read once from the disk.
async fn examine(app: &App, keys: &keys::Organisation, there: &Upload) -> Result<Verdict, Problem> {
    let (object, session) = (there.id.to_string(), there.session.to_string());
    let item = item(&object, &session);
    let (header, key) = (keys.header(item).map_err(fault)?, keys.object_key(item, &there.head).map_err(fault)?);
    let wanted = there.sha256;
    let room = app.uploads.room().await?;
    let verdict = app.blobs.unfinished(there.id, move |file| {
        let _room = room;
        if digest(file)? != wanted {
            return Ok(Verdict::OtherDigest);
        }
        file.rewind()?;
        Ok(if opens(file, &header, &key)? { Verdict::Whole } else { Verdict::DoesNotOpen })
    });
    Ok(verdict.await?)
}

fn digest(file: &mut File) -> io::Result<[u8; 32]> {
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; SEALED_CHUNK]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().into()),
            read => hash.update(&buffer[..read]),
        }
    }
}

/// Whether a container opens, chunk by chunk. No more than a chunk of it is in memory, and that is wiped.
fn opens(file: &mut File, header: &Header, key: &handlens_seal::Key) -> io::Result<bool> {
    let mut prefix = [0; PREFIX];
    file.read_exact(&mut prefix)?;
    let Ok(mut opener) = Opener::new(key, header, &prefix) else { return Ok(false) };
    let mut chunk = Box::new([0; SEALED_CHUNK]);
    let mut clear = Zeroizing::new(Vec::with_capacity(SEALED_CHUNK));
    loop {
        let mut filled = 0;
        while filled < SEALED_CHUNK {
            match file.read(&mut chunk[filled..])? {
                0 => break,
                read => filled += read,
            }
        }
        if filled < SEALED_CHUNK {
            return Ok(opener.finish(&chunk[..filled], &mut clear).is_ok());
        }
        if opener.open_chunk(&chunk, &mut clear).is_err() {
            return Ok(false);
        }
        clear.zeroize();
    }
}

/// The row and the entry, in one change. The object is in its place already: a row never speaks of what is not there.
async fn store(app: &App, permit: &UploadPermit, keys: &keys::Organisation, there: &Upload) -> Result<(), Problem> {
    let guest = permit.guest();
    let mut change = app.log.change(&app.live, guest.organisation(), Some(guest.request)).await?;
    let mut row = session::find(change.db(), guest.owner(), there.session).await?.ok_or_else(unknown)?;
    let said = serde_json::json!({"sha256": BASE64URL_NOPAD.encode(&there.sha256), "bytes": there.bytes});
    let place = change.place(Note {
        actor: guest.actor()?,
        action: Action::SnapshotReceive,
        object: ("snapshot", there.id.to_string()),
        refused: None,
        session: Some(row.id),
        details: Some(Details { keys, json: Zeroizing::new(serde_json::to_vec(&said).map_err(fault)?) }),
    });
    let place = place.await?;
    let stored =
        Stored { at_us: change.now_us(), origin: place.origin, sequence: place.sequence, entry_sha256: place.sha256 };
    if !upload::set_stored(change.db(), there.id, &stored).await? {
        // Cannot be with a turn for each object; if it is, nothing is written twice.
        return Err(fault("a snapshot was stored before"));
    }
    snapshot::show(&mut change, &mut row).await?;
    Ok(change.commit().await?)
}

async fn forget(app: &App, permit: &UploadPermit, id: ObjectId) -> Result<(), Problem> {
    let guest = permit.guest();
    let mut change = app.log.change(&app.live, guest.organisation(), Some(guest.request)).await?;
    let mut row = session::find(change.db(), guest.owner(), guest.session()).await?.ok_or_else(unknown)?;
    upload::remove(change.db(), id).await?;
    snapshot::show(&mut change, &mut row).await?;
    Ok(change.commit_progress().await?)
}

fn elsewhere(offset: u64) -> Refused {
    let detail = format!("The upload is at byte {offset}. Go on from there.");
    Refused { problem: Problem::new(Kind::OffsetMismatch, detail), offset: Some(offset) }
}
