//! Signing, in the background: every commit wakes it, and within a second each new entry has its signed checkpoint.

use std::path::PathBuf;

use handlens_audit::{Head, Signature};
use handlens_protocol::OrganisationId;

use super::{Error, Log};
use crate::store::{self, log::HeadRow};

/// Entries signed in one transaction.
const BATCH: u32 = 500;

/// Compares the remembered heads with the database. A database that remembers less was restored from an older backup:
/// its log ends here and a new one opens, whose first entry holds what was remembered.
pub(super) async fn meet(log: &Log) -> Result<(), Error> {
    let mut db = log.0.store.reader().await?;
    let organisations = store::account::organisations(&mut db).await?;
    for organisation in organisations {
        let Some(row) = store::log::newest_head(&mut db, organisation.id).await? else { continue };
        let Some(remembered) = remembered(log, &row.origin)? else { continue };
        if holds(&mut db, &row, &remembered).await? {
            continue;
        }
        tracing::error!(
            origin = row.origin,
            remembered = remembered.size(),
            "the database holds less of the log than was signed: it was restored from an older backup; a new log opens"
        );
        drop(db);
        reopen(log, organisation.id, &row, &remembered).await?;
        db = log.0.store.reader().await?;
    }
    Ok(())
}

/// Signs whatever a commit left unsigned, for ever.
pub(super) fn start(log: &Log) {
    let weak = std::sync::Arc::downgrade(&log.0);
    tokio::spawn(async move {
        loop {
            let Some(inner) = weak.upgrade() else { return };
            let log = Log(inner);
            if let Err(error) = sign_all(&log).await {
                tracing::error!(%error, "the log could not be signed; trying again with the next entry");
            }
            log.0.wake.notified().await;
        }
    });
}

/// Signs every unsigned entry of every log.
pub(super) async fn sign_all(log: &Log) -> Result<(), Error> {
    let _one = log.0.signing.lock().await;
    let mut db = log.0.store.reader().await?;
    let organisations = store::account::organisations(&mut db).await?;
    let mut heads = Vec::new();
    for organisation in organisations {
        heads.extend(store::log::heads(&mut db, organisation.id).await?);
    }
    drop(db);
    for row in heads {
        while sign_some(log, &row).await? {}
    }
    Ok(())
}

async fn sign_some(log: &Log, row: &HeadRow) -> Result<bool, Error> {
    let mut db = log.0.store.reader().await?;
    let Some(first) = store::log::first_unsigned(&mut db, &row.origin).await? else { return Ok(false) };
    let mut head = match remembered(log, &row.origin)? {
        Some(head) if head.size() <= first => head,
        // The head file is ahead of the kept signatures (a crash between the two) or gone: go over the log once.
        Some(_) | None => Head::new(Head::from_bytes(&row.head)?.origin().clone()),
    };
    let mut signed: Vec<(u64, Signature)> = Vec::new();
    while signed.len() < BATCH as usize {
        let entries = store::log::range(&mut db, &row.origin, head.size(), BATCH).await?;
        if entries.is_empty() {
            break;
        }
        for entry in entries {
            head.push(&entry.bytes)?;
            if entry.signature.is_none() {
                let signature = log
                    .0
                    .signer
                    .sign(&head.checkpoint())
                    .map_err(|error| Error::Key { path: log.0.heads.clone(), reason: error.to_string() })?;
                signed.push((entry.sequence, signature));
            }
        }
    }
    drop(db);
    if signed.is_empty() {
        return Ok(false);
    }
    remember(log, &row.origin, &head)?;
    let mut tx = log.0.store.begin().await?;
    for (sequence, signature) in signed {
        store::log::set_signature(tx.connection(), &row.origin, sequence, signature.as_bytes()).await?;
    }
    tx.commit().await?;
    Ok(true)
}

async fn holds(db: &mut sqlx::AnyConnection, row: &HeadRow, remembered: &Head) -> Result<bool, Error> {
    if remembered.size() == 0 {
        return Ok(true);
    }
    let stored = Head::from_bytes(&row.head)?;
    if stored.size() < remembered.size() {
        return Ok(false);
    }
    let last = store::log::range(db, &row.origin, remembered.size() - 1, 1).await?;
    let hash =
        last.first().and_then(|entry| handlens_audit::Entry::decode(&entry.bytes).ok()).map(|entry| entry.hash());
    Ok(hash == Some(remembered.last()))
}

async fn reopen(log: &Log, organisation: OrganisationId, row: &HeadRow, remembered: &Head) -> Result<(), Error> {
    let now_us = log.0.clock.now_us();
    let mut tx = log.0.store.begin().await?;
    let base = format!("{}/{organisation}/{}", log.0.signer.name(), super::month(now_us));
    let number = store::log::heads(tx.connection(), organisation).await?.len() + 1;
    let follows = handlens_audit::Follows {
        origin: handlens_audit::Origin::new(&row.origin)?,
        size: remembered.size(),
        root: remembered.frontier().root(),
    };
    log.open_log(&mut tx, organisation, &format!("{base}.{number}"), Some(follows), now_us).await?;
    tx.commit().await?;
    Ok(())
}

fn file(log: &Log, origin: &str) -> PathBuf {
    log.0.heads.join(format!("{}.head", origin.replace('/', "~")))
}

fn remembered(log: &Log, origin: &str) -> Result<Option<Head>, Error> {
    let path = file(log, origin);
    match std::fs::read(&path) {
        Ok(bytes) => Head::from_bytes(&bytes).map(Some).map_err(|error| Error::Key { path, reason: error.to_string() }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::Key { path, reason: error.to_string() }),
    }
}

/// Moves the head: written beside, flushed, renamed over. It only ever grows.
fn remember(log: &Log, origin: &str, head: &Head) -> Result<(), Error> {
    if remembered(log, origin)?.is_some_and(|old| old.size() >= head.size()) {
        return Ok(());
    }
    let path = file(log, origin);
    // A command beside the server may sign at the same moment: the same bytes, in a file of its own.
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::File::create(&beside)?;
        std::io::Write::write_all(&mut file, &head.to_bytes())?;
        file.sync_all()?;
        std::fs::rename(&beside, &path)
    };
    write().map_err(|error| Error::Key { path: path.clone(), reason: error.to_string() })
}
