//! SIGKILL of the server at any moment loses nothing that was acknowledged, and the log still proves itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops where it fails")]

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use handlens_protocol::consent::{Decision, Purpose};
use handlens_protocol::mark::MarkSet;
use handlens_seal::signature::SigningKey;
use handlens_server::clock::Clock;
use handlens_server::config::Layer;
use handlens_server::store::account;
use handlens_tests::{Device, PART, Person, Photo, Process, arrow, redeem, sam};
use serde_json::json;
use tokio::sync::Mutex;

/// A hundred times the process is killed in the midst of requests, each time at another point of its work.
const KILLS: usize = 100;
/// People who write at the same time.
const WRITERS: usize = 3;

/// So many times it is killed while a photo is on its way.
const UPLOAD_KILLS: usize = 30;

/// What the server said was done: the newest acknowledged revision of each session's note, its guest, the marks that are
/// there, and that it ended.
#[derive(Default)]
struct Acknowledged {
    notes: HashMap<String, u64>,
    guests: HashMap<String, Guest>,
    marks: HashMap<String, Vec<String>>,
    ended: Vec<String>,
}

/// How far a guest was said to be.
struct Guest {
    id: String,
    admitted: bool,
    /// Allowed the camera.
    granted: bool,
    /// Allowed photos, and took that back.
    withdrew: bool,
}

impl Acknowledged {
    /// What of it the server does not know.
    async fn lost(&self, person: &Person) -> Vec<String> {
        let mut lost = Vec::new();
        for (session, revision) in &self.notes {
            let path = format!("/api/sessions/{session}");
            let note = person.get(&format!("{path}/note")).await.body;
            let stored = note["revision"].as_u64();
            // One more may have been committed whose answer the kill swallowed.
            if stored != Some(*revision) && stored != Some(revision + 1) {
                lost.push(format!("{session}: note {stored:?} is stored, {revision} was acknowledged"));
            } else if note["text"]
                != stored.filter(|stored| *stored > 0).map_or(String::new(), |n| format!("writing {n}"))
            {
                lost.push(format!("{session}: note {stored:?} is {}", note["text"]));
            }
            let state = person.get(&path).await.body["state"].take();
            if self.ended.contains(session) && state["phase"] != "ended" {
                lost.push(format!("{session}: its end"));
            }
            if let Some(Guest { id, admitted, granted, withdrew }) = self.guests.get(session) {
                let everybody = state["participants"].as_array().cloned().unwrap_or_default();
                let guest = everybody.into_iter().find(|one| one["id"] == *id).unwrap_or_default();
                let grants = guest["grants"].as_array().cloned().unwrap_or_default();
                // What a guest allows ends with the session.
                let holds = *granted && state["phase"] != "ended";
                if (holds && !grants.contains(&json!("camera")))
                    || (*withdrew && grants.contains(&json!("snapshots")))
                    || (*admitted && guest["presence"] != "admitted")
                    || guest.is_null()
                {
                    lost.push(format!("{session}: guest {id} is {guest}"));
                }
            }
        }
        lost
    }
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_by_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Process::start(folder.path()).await;
    let answer = Person::stranger(&server.origin).post("/api/setup", sam(&server.setup_secret())).await.ok();
    let cookie = answer.cookie.unwrap();
    let known = Arc::new(Mutex::new(Acknowledged::default()));
    let halfway = tempfile::tempdir().unwrap();
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
        if kill == KILLS / 2 {
            copy(folder.path(), halfway.path());
        }
        server = Process::start(folder.path()).await;
    }

    let known = known.lock().await;
    assert!(known.notes.len() > KILLS, "only {} sessions were acknowledged: the test did not test", known.notes.len());
    let withdrawn = known.guests.values().filter(|guest| guest.withdrew).count();
    assert!(withdrawn > KILLS / 4, "only {withdrawn} withdrawals were acknowledged: the test did not test");
    assert_eq!(known.lost(&Person::with_cookie(&server.origin, &cookie)).await, Vec::<String>::new());
    // The control: a server that lost the second half is found out.
    let forgetful = Process::start(halfway.path()).await;
    let lost = known.lost(&Person::with_cookie(&forgetful.origin, &cookie)).await;
    assert!(lost.len() > KILLS / 4, "{lost:?}");
    forgetful.kill().await;
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
        "{KILLS} kills, {} sessions acknowledged, {} of them ended; {} guests, {withdrawn} withdrawals, {drawn} marks",
        known.notes.len(),
        known.ended.len(),
        known.guests.len(),
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

/// A guest who allows the camera, takes back photos, and is let in; `None` when the server is gone.
async fn guest(person: &Person, session: &str, known: &Mutex<Acknowledged>) -> Option<String> {
    let path = format!("/api/sessions/{session}");
    let link = person.try_post(&format!("{path}/invites"), json!({"agreed": true})).await?.ok().body;
    let secret = link["link"].as_str().unwrap().split_once('#').unwrap().1;
    let key = SigningKey::random().unwrap();
    let stranger = Person::stranger(person.origin());
    let body = redeem(secret, &key, Clock::system().now_us(), false);
    let answer = stranger.try_post("/api/invites/redeem", body).await?.ok();
    let cookie = answer.cookie.unwrap();
    let device = Device { person: Person::with_cookie(person.origin(), &cookie), key, view: answer.body };
    let id = device.participant().to_owned();
    let guest = Guest { id: id.clone(), admitted: false, granted: false, withdrew: false };
    known.lock().await.guests.insert(session.to_owned(), guest);
    for (purpose, decision) in [
        (Purpose::Camera, Decision::Grant),
        (Purpose::Snapshots, Decision::Grant),
        (Purpose::Snapshots, Decision::Revoke),
    ] {
        let statement = device.statement(purpose, decision, Clock::system().now_us());
        device.person.try_post("/api/guest/consents", statement).await?.ok();
        let mut known = known.lock().await;
        let guest = known.guests.get_mut(session).unwrap();
        guest.granted |= purpose == Purpose::Camera;
        guest.withdrew |= decision == Decision::Revoke;
    }
    person.try_post(&format!("{path}/participants/{id}/admit"), json!({})).await?.ok();
    known.lock().await.guests.get_mut(session).unwrap().admitted = true;
    Some(id)
}

/// Everything below `from`, of a server that is dead.
fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let copied = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir(&copied).unwrap();
            std::fs::set_permissions(&copied, entry.metadata().unwrap().permissions()).unwrap();
            copy(&entry.path(), &copied);
        } else if entry.path().is_file() {
            std::fs::copy(entry.path(), copied).unwrap();
        }
    }
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
        let Some(camera) = guest(&person, &session, &known).await else { return };
        for _ in 0..3 {
            let Some(answer) = person.try_post(&format!("/api/sessions/{session}/marks"), arrow(&camera)).await else {
                return;
            };
            let id = answer.ok().body["id"].as_str().unwrap().to_owned();
            known.lock().await.marks.entry(session.clone()).or_default().push(id);
            count();
        }
        let undo = format!("/api/sessions/{session}/marks/undo");
        let gone = known.lock().await.marks[&session].last().unwrap().clone();
        let Some(answer) = person.try_post(&undo, json!({"mark": gone})).await else { return };
        assert_eq!(answer.ok().body["marks"], json!([gone]));
        known.lock().await.marks.entry(session.clone()).or_default().retain(|id| *id != gone);
        count();
        let Some(answer) = person.try_post(&format!("/api/sessions/{session}/end"), json!({})).await else { return };
        answer.ok();
        known.lock().await.ended.push(session);
        count();
    }
}

/// An acknowledged offset outlives every kill; each photo arrives whole, is stored by one entry and opens; no kill in the
/// moment of storing leaves a second entry, a lost picture or half a one.
#[tokio::test]
async fn no_acknowledged_part_of_a_photo_is_lost_by_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Process::start(folder.path()).await;
    let answer = Person::stranger(&server.origin).post("/api/setup", sam(&server.setup_secret())).await.ok();
    let cookie = answer.cookie.unwrap();
    let person = Person::with_cookie(&server.origin, &cookie);
    let session = person.open_session().await;
    let link = person.post(&format!("/api/sessions/{session}/invites"), json!({"agreed": true})).await.ok();
    let secret = link.body["link"].as_str().unwrap().split_once('#').unwrap().1.to_owned();
    let clock = Clock::system();
    let mut device = Device::join_at(&Person::stranger(&server.origin), &secret, clock.now_us()).await;
    let allows = device.statement(Purpose::Snapshots, Decision::Grant, clock.now_us());
    device.person.post("/api/guest/consents", allows).await.ok();
    // Who only waits may send sixteen photos; these are more.
    person.post(&format!("/api/sessions/{session}/participants/{}/admit", device.participant()), json!({})).await.ok();

    let (mut sent, mut acknowledged, mut resumed, mut moved) = (Vec::new(), 0, 0, 0);
    // Five parts a photo, and 0 to 5 of them between two kills: every part meets a kill at each of its moments.
    let take = |device: &Device| Photo::taken(device, &vec![7; 5 * PART - 1_000]);
    let mut photo = take(&device);
    for kill in 0..UPLOAD_KILLS {
        for part in 0..=kill % 6 {
            let mut offset = whereabouts(&device, &photo).await;
            assert!(offset >= acknowledged, "{acknowledged} bytes were acknowledged, {offset} are there");
            if part == 0 {
                resumed += usize::from(offset > 0);
                moved += usize::from(offset < photo.sealed.len() && size(folder.path(), "objects", &photo) > 0);
            }
            if offset == photo.sealed.len() {
                device.receipt(&photo).await;
                sent.push(photo);
                photo = take(&device);
                offset = whereabouts(&device, &photo).await;
            }
            let end = (offset + PART).min(photo.sealed.len());
            let bytes = photo.sealed[offset..end].to_vec();
            let (sender, what) = (device.person.clone(), photo.clone());
            let sends = tokio::spawn(async move { sender.try_send_part(&what, offset, bytes).await });
            acknowledged = offset;
            let heard = if part == kill % 6 {
                let last = end == photo.sealed.len();
                until(Moment::of(kill, last), folder.path(), &photo, offset, &sends).await;
                server.kill().await;
                let heard = sends.await.unwrap();
                server = Process::start(folder.path()).await;
                let guest = device.person.cookie().unwrap().to_owned();
                device.person = Person::with_cookie(&server.origin, &guest);
                heard
            } else {
                sends.await.unwrap()
            };
            if let Some(answer) = heard {
                acknowledged = usize::try_from(answer.ok().offset().unwrap()).unwrap();
            }
        }
    }
    let person = Person::with_cookie(&server.origin, &cookie);
    assert!(sent.len() > 3 && resumed > 10, "{} photos, {resumed} resumed: the test did not test", sent.len());
    for photo in &sent {
        device.receipt(photo).await;
        let path = format!("/api/sessions/{session}/snapshots/{}", photo.object);
        assert_eq!(person.get(&path).await.ok().bytes, photo.plaintext);
    }
    // The control: a part that is lost is seen. The server says so, and where to go on.
    let photo = take(&device);
    assert_eq!(whereabouts(&device, &photo).await, 0);
    device.send_part(&photo, 0, &photo.sealed[..PART]).await.ok();
    std::fs::remove_file(folder.path().join("data/uploads").join(photo.object.to_string())).unwrap();
    let answer = device.send_part(&photo, PART, &photo.sealed[PART..]).await;
    assert_eq!(answer.offset(), Some(0));
    answer.refused("offset-mismatch");
    assert_eq!(whereabouts(&device, &photo).await, 0);
    server.kill().await;
    let (export, key) = (folder.path().join("log.ndjson"), Process::vkey(folder.path()).await);
    Process::export(folder.path(), &export).await;
    let text = std::fs::read_to_string(&export).unwrap();
    let mut verifier = handlens_audit::Verifier::new(vec![handlens_audit::Key::parse(&key).unwrap()], None);
    verifier.push(text.as_bytes());
    assert_eq!(verifier.finish().verdict.exit_code(), 0);
    for photo in &sent {
        let id = photo.object.to_string();
        let stored = text.lines().filter(|line| line.contains("\"snapshot.receive\"") && line.contains(&id)).count();
        assert_eq!(stored, 1, "{id}");
    }
    println!(
        "{UPLOAD_KILLS} kills, {} photos stored once each, {resumed} resumed in their midst, {moved} found in their place unstored",
        sent.len()
    );
}

/// When a part meets its kill.
enum Moment {
    /// As it leaves.
    Sent,
    /// Its bytes are in the file; the row may not know.
    Written,
    /// The whole object is in its place; the row may not know.
    Moved,
}

impl Moment {
    fn of(kill: usize, last: bool) -> Self {
        match (kill / 6 % 3, last) {
            (0, _) => Self::Sent,
            (_, true) => Self::Moved,
            _ => Self::Written,
        }
    }
}

/// Watches the server's folder until the moment has come, or is missed because the answer is there.
async fn until<T>(moment: Moment, folder: &Path, photo: &Photo, offset: usize, sends: &tokio::task::JoinHandle<T>) {
    let size = |name: &str| size(folder, name, photo);
    while !sends.is_finished() {
        tokio::task::yield_now().await;
        let come = match moment {
            Moment::Sent => true,
            Moment::Written => size("uploads") > offset as u64 || size("objects") > 0,
            Moment::Moved => size("objects") > 0,
        };
        if come {
            return;
        }
    }
}

/// Bytes of a photo's file in one of the server's folders.
fn size(folder: &Path, name: &str, photo: &Photo) -> u64 {
    let path = folder.join("data").join(name).join(photo.object.to_string());
    std::fs::metadata(path).map_or(0, |file| file.len())
}

/// Where the upload is; announces it if it is new.
async fn whereabouts(device: &Device, photo: &Photo) -> usize {
    usize::try_from(device.announce(photo).await.ok().offset().unwrap()).unwrap()
}
