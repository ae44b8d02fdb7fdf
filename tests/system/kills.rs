//! SIGKILL of the server at any moment loses nothing that was acknowledged, and the log still proves itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops where it fails")]

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use handlens_protocol::mark::MarkSet;
use handlens_seal::signature::SigningKey;
use handlens_server::clock::Clock;
use handlens_server::config::Layer;
use handlens_server::store::account;
use handlens_tests::{Person, Process, arrow, redeem, sam};
use serde_json::json;
use tokio::sync::Mutex;

/// A hundred times the process is killed in the midst of requests, each time at another point of its work.
const KILLS: usize = 100;
/// People who write at the same time.
const WRITERS: usize = 3;

/// What the server said was done: the newest acknowledged revision of each session's note, the text of each writing, and
/// the marks that are there.
#[derive(Default)]
struct Acknowledged {
    notes: HashMap<String, u64>,
    marks: HashMap<String, Vec<String>>,
    ended: Vec<String>,
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_by_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Process::start(folder.path()).await;
    let answer = Person::stranger(&server.origin).post("/api/setup", sam(&server.setup_secret())).await.ok();
    let cookie = answer.cookie.unwrap();
    let known = Arc::new(Mutex::new(Acknowledged::default()));
    // A fixed walk over how many acknowledgements pass before each kill: 0 to 35, every remainder equally often.
    for kill in 0..KILLS {
        let answered = Arc::new(AtomicUsize::new(0));
        let reached = Arc::new(tokio::sync::Notify::new());
        let least = (kill * 7) % 36;
        let writers: Vec<_> = (0..WRITERS)
            .map(|_| {
                let person = Person::with_cookie(&server.origin, &cookie);
                tokio::spawn(write(person, Arc::clone(&known), Arc::clone(&answered), Arc::clone(&reached), least))
            })
            .collect();
        if least > 0 {
            reached.notified().await;
        }
        server.kill().await;
        for writer in writers {
            writer.await.unwrap();
        }
        server = Process::start(folder.path()).await;
    }

    let person = Person::with_cookie(&server.origin, &cookie);
    let known = known.lock().await;
    assert!(known.notes.len() > KILLS, "only {} sessions were acknowledged: the test did not test", known.notes.len());
    for (session, revision) in &known.notes {
        let note = person.get(&format!("/api/sessions/{session}/note")).await.ok().body;
        let stored = note["revision"].as_u64().unwrap();
        // One more may have been committed whose answer the kill swallowed.
        assert!(
            stored == *revision || stored == revision + 1,
            "{session}: {stored} is stored, {revision} was acknowledged"
        );
        assert_eq!(note["text"], if stored == 0 { String::new() } else { format!("writing {stored}") });
    }
    for session in &known.ended {
        assert_eq!(person.get(&format!("/api/sessions/{session}")).await.ok().body["state"]["phase"], "ended");
    }
    server.kill().await;
    let drawn = marks(folder.path(), &known).await;
    let (export, key) = (folder.path().join("log.ndjson"), Process::vkey(folder.path()).await);
    Process::export(folder.path(), &export).await;
    let text = std::fs::read_to_string(&export).unwrap();
    let mut verifier = handlens_audit::Verifier::new(vec![handlens_audit::Key::parse(&key).unwrap()], None);
    verifier.push(text.as_bytes());
    assert_eq!(verifier.finish().verdict.exit_code(), 0);
    for (session, revision) in &known.notes {
        let writings =
            text.lines().filter(|line| line.contains("\"session.note\"") && line.contains(session.as_str())).count();
        assert!(writings as u64 >= *revision, "{session}: {writings} writings in the log, {revision} acknowledged");
    }
    println!(
        "{KILLS} kills, {} sessions acknowledged, {} of them ended; {drawn} marks",
        known.notes.len(),
        known.ended.len()
    );
}

/// Every acknowledged mark is in the database and opens, in order; gives how many that are.
async fn marks(folder: &Path, known: &Acknowledged) -> usize {
    let layer = Layer { data: Some(folder.join("data")), ..Layer::default() };
    let app = handlens_server::offline(layer.finish().unwrap(), Clock::system()).await.unwrap();
    let mut db = app.store.reader().await.unwrap();
    let organisation = account::organisations(&mut db).await.unwrap()[0].id;
    let mut drawn = 0;
    for (session, acknowledged) in &known.marks {
        let whole = handlens_server::mark::whole(&app, &mut db, organisation, session.parse().unwrap()).await.unwrap();
        let set: MarkSet = serde_json::from_slice(&whole.json).unwrap();
        let stored: Vec<String> = set.marks.iter().map(|mark| mark.id.to_string()).collect();
        // One more may be there, or the last one undone, whose answer the kill swallowed.
        let shorter = acknowledged.len().saturating_sub(1);
        let fits = stored == *acknowledged
            || (stored.len() == acknowledged.len() + 1 && stored.starts_with(acknowledged))
            || stored == acknowledged[..shorter];
        assert!(fits, "{session}: {stored:?} are stored, {acknowledged:?} were acknowledged");
        drawn += acknowledged.len();
    }
    assert!(drawn > KILLS, "only {drawn} marks were acknowledged: the test did not test");
    drop(db);
    app.store.close().await;
    drawn
}

/// A guest's camera to draw on, let in; `None` when the server is gone.
async fn camera(person: &Person, session: &str) -> Option<String> {
    let path = format!("/api/sessions/{session}");
    let link = person.try_post(&format!("{path}/invites"), json!({"agreed": true})).await?.ok().body;
    let secret = link["link"].as_str().unwrap().split_once('#').unwrap().1;
    let body = redeem(secret, &SigningKey::random().unwrap(), Clock::system().now_us(), false);
    let guest =
        person.try_post("/api/invites/redeem", body).await?.ok().body["participant"].as_str().unwrap().to_owned();
    person.try_post(&format!("{path}/participants/{guest}/admit"), json!({})).await?.ok();
    Some(guest)
}

/// Opens sessions, writes their notes, draws, and ends some of them, until the server is gone.
async fn write(
    person: Person,
    known: Arc<Mutex<Acknowledged>>,
    answered: Arc<AtomicUsize>,
    reached: Arc<tokio::sync::Notify>,
    least: usize,
) {
    let count = || {
        if answered.fetch_add(1, Ordering::SeqCst) + 1 == least {
            reached.notify_one();
        }
    };
    loop {
        let Some(answer) = person.try_post("/api/sessions", json!({"title": "Kill"})).await else { return };
        let session = answer.ok().body["id"].as_str().unwrap().to_owned();
        known.lock().await.notes.insert(session.clone(), 0);
        count();
        for revision in 0..3 {
            let body = json!({"text": format!("writing {}", revision + 1), "revision": revision});
            let Some(answer) = person.try_put(&format!("/api/sessions/{session}/note"), body).await else { return };
            let revision = answer.ok().body["revision"].as_u64().unwrap();
            known.lock().await.notes.insert(session.clone(), revision);
            count();
        }
        let Some(camera) = camera(&person, &session).await else { return };
        for _ in 0..3 {
            let Some(answer) = person.try_post(&format!("/api/sessions/{session}/marks"), arrow(&camera)).await else {
                return;
            };
            let id = answer.ok().body["id"].as_str().unwrap().to_owned();
            known.lock().await.marks.entry(session.clone()).or_default().push(id);
            count();
        }
        let undo = format!("/api/sessions/{session}/marks/undo");
        let Some(answer) = person.try_post(&undo, json!({})).await else { return };
        let gone = answer.ok().body["marks"][0].as_str().unwrap().to_owned();
        known.lock().await.marks.entry(session.clone()).or_default().retain(|id| *id != gone);
        count();
        let Some(answer) = person.try_post(&format!("/api/sessions/{session}/end"), json!({})).await else { return };
        answer.ok();
        known.lock().await.ended.push(session);
        count();
    }
}
