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
    let organisations = store::account::organisations(&mut *log.0.store.reader().await?).await?;
    for organisation in organisations {
        meet_one(log, organisation.id).await?;
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

/// The same for one organisation. Under the writer's turn: a server beside this process could commit and sign between the
/// reading of the row and of the file, and the file would only seem to remember more.
async fn meet_one(log: &Log, organisation: OrganisationId) -> Result<(), Error> {
    let mut tx = log.0.store.begin().await?;
    let Some(row) = store::log::newest_head(tx.connection(), organisation).await? else { return Ok(()) };
    let Some(remembered) = remembered(log, &row.origin)? else { return Ok(()) };
    if holds(tx.connection(), &row, &remembered).await? {
        return Ok(());
    }
    tracing::error!(
        origin = row.origin,
        remembered = remembered.size(),
        "the database holds less of the log than was signed: it was restored from an older backup; a new log opens"
    );
    let now_us = log.0.clock.now_us();
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

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use handlens_audit::{Action, Actor, Token};

    use super::*;
    use crate::audit::Note;
    use crate::clock::Clock;
    use crate::live::Live;
    use crate::store::{Store, account, log};

    /// The log of one process in `folder`; there may be two. Nothing is signed by itself.
    async fn open(folder: &Path) -> Log {
        let keys = folder.join("keys");
        store::make_private(&keys).unwrap();
        let store = Store::open(&folder.join("data")).await.unwrap();
        Log::new(store, Clock::fixed(1_795_435_200_000_000), &keys).await.unwrap()
    }

    async fn write(log: &Log, id: OrganisationId) {
        let mut change = log.change(&Live::offline(), id, None).await.unwrap();
        if account::organisation(change.db(), id).await.unwrap().is_none() {
            let new = account::Organisation { id, name: "City Clinic".to_owned(), phone: None, key: Vec::new() };
            account::add_organisation(change.db(), &new, 1).await.unwrap();
        }
        let note = Note {
            actor: Actor::System(Token::new("test").unwrap()),
            action: Action::OrganisationCreate,
            object: ("organisation", id.to_string()),
            refused: None,
            session: None,
            details: None,
        };
        change.write(note).await.unwrap();
        change.commit().await.unwrap();
    }

    async fn heads(log: &Log, id: OrganisationId) -> Vec<HeadRow> {
        log::heads(&mut log.0.store.reader().await.unwrap(), id).await.unwrap()
    }

    /// A command compares the head file with the database while the server beside it commits and signs: the log goes on,
    /// and no second one opens.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_command_beside_a_server_forks_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (server, command) = (open(folder.path()).await, open(folder.path()).await);
        let id = OrganisationId::random().unwrap();
        write(&server, id).await;
        sign_all(&server).await.unwrap();

        // The head file is a pipe: the command stops where it reads it, with the row behind it.
        let path = file(&server, &heads(&server, id).await[0].origin);
        std::fs::remove_file(&path).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let compares = tokio::spawn(async move { meet(&command).await });
        let pipe = tokio::task::spawn_blocking(move || std::fs::OpenOptions::new().write(true).open(path).unwrap());
        let mut pipe = pipe.await.unwrap();
        let commits = tokio::spawn({
            let server = server.clone();
            async move { write(&server, id).await }
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        std::io::Write::write_all(&mut pipe, &heads(&server, id).await[0].head).unwrap();
        drop(pipe);
        compares.await.unwrap().unwrap();
        commits.await.unwrap();
        assert_eq!(heads(&server, id).await.len(), 1);
    }

    /// The control: a database that lost what was signed gets a new log.
    #[tokio::test]
    async fn a_restored_backup_opens_a_new_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = open(folder.path()).await;
        let id = OrganisationId::random().unwrap();
        write(&log, id).await;
        sign_all(&log).await.unwrap();
        meet(&log).await.unwrap();
        assert_eq!(heads(&log, id).await.len(), 1);

        let head = &heads(&log, id).await[0];
        let mut ahead = Head::from_bytes(&head.head).unwrap();
        let entries = log::range(&mut log.0.store.reader().await.unwrap(), &head.origin, 1, 1).await.unwrap();
        ahead.append(handlens_audit::Entry::decode(&entries[0].bytes).unwrap().event().clone()).unwrap();
        remember(&log, &head.origin, &ahead).unwrap();
        meet(&log).await.unwrap();
        assert_eq!(heads(&log, id).await.len(), 2);
    }

    /// A head file of version 1 is found by its name and read as it was; a changed byte of its form is told.
    #[tokio::test]
    async fn a_head_file_of_version_1_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let log = open(folder.path()).await;
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../../tests/vectors/audit/head.json")).unwrap();
        for vector in vectors["vectors"].as_array().unwrap() {
            let origin = vector["origin"].as_str().unwrap();
            let mut bytes = crate::keys::vectors::hex(vector["head"].as_str().unwrap());
            let path = file(&log, origin);
            assert_eq!(path.file_name().unwrap().to_str().unwrap(), format!("{}.head", origin.replace('/', "~")));
            std::fs::write(&path, &bytes).unwrap();
            let head = remembered(&log, origin).unwrap().unwrap();
            assert_eq!((head.origin().as_str(), head.to_bytes()), (origin, bytes.clone()));
            bytes[0] ^= 1;
            std::fs::write(&path, &bytes).unwrap();
            assert!(matches!(remembered(&log, origin), Err(Error::Key { .. })));
        }
    }

    /// A signing key that was lost after the first start is told, and no other one takes its place by itself.
    #[tokio::test]
    async fn a_lost_signing_key_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let log = open(folder.path()).await;
        write(&log, OrganisationId::random().unwrap()).await;
        let (keys, name) = (folder.path().join("keys"), log.name());
        assert_eq!(open(folder.path()).await.name(), name, "the control: with its key it opens again");
        std::fs::remove_file(keys.join("log.key")).unwrap();
        let again = Log::new(log.0.store.clone(), log.0.clock.clone(), &keys).await;
        assert!(matches!(again, Err(Error::Key { .. })));
        assert!(!keys.join("log.key").exists());
    }
}
