//! A server process, somebody who is logged in there, and phones that come to a session of theirs.

use std::path::PathBuf;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::{Gate, Person, Phone, Process, Viewer, sam};

/// A server, Sam who is logged in, a session of his, and the folder that the server's and a phone's are in.
pub struct Room {
    pub server: Process,
    pub sam: Person,
    /// `/api/sessions/…`.
    pub path: String,
    pub folder: TempDir,
}

impl Room {
    /// On a port of its own.
    pub async fn open() -> Self {
        Self::open_with(&["--listen", "127.0.0.1:0"]).await
    }

    /// With these settings.
    pub async fn open_with(settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Process::start_with(folder.path(), settings).await;
        Self::of(server, folder, json!({"title": "Wound check"})).await
    }

    /// With a new server and a session like this.
    pub async fn of(server: Process, folder: TempDir, session: Value) -> Self {
        let stranger = Person::stranger(&server.origin);
        let cookie = stranger.post("/api/setup", sam(&server.setup_secret())).await.ok().cookie.unwrap();
        let sam = Person::with_cookie(&server.origin, &cookie);
        let session = sam.post("/api/sessions", session).await.ok().body;
        Self { path: format!("/api/sessions/{}", session["id"].as_str().unwrap()), server, sam, folder }
    }

    /// Where a phone keeps what it must not lose.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("phone")
    }

    pub async fn link(&self) -> String {
        let answer = self.sam.post(&format!("{}/invites", self.path), json!({"agreed": true})).await.ok();
        answer.body["link"].as_str().unwrap().to_owned()
    }

    pub async fn admit(&self, participant: &str) {
        self.sam.post(&format!("{}/participants/{participant}/admit", self.path), json!({})).await.ok();
    }

    /// A phone that was let in and is live, who it is, and what it said of being live.
    pub async fn phone(&self, flags: &[&str]) -> (Phone, String, Value) {
        self.phone_at(&self.link().await, flags).await
    }

    /// The same through a gate and with a folder; and its link, to start it again.
    pub async fn phone_behind(&self, gate: &Gate, flags: &[&str]) -> (Phone, String, String) {
        let link = gate.link(&self.link().await);
        let state = self.state();
        let (phone, participant, _) =
            self.phone_at(&link, &[&["--state", state.to_str().unwrap()], flags].concat()).await;
        (phone, participant, link)
    }

    /// The phone with that folder, started again.
    pub fn phone_again(&self, link: &str) -> Phone {
        Phone::start(link, &["--state", self.state().to_str().unwrap()])
    }

    async fn phone_at(&self, link: &str, flags: &[&str]) -> (Phone, String, Value) {
        let mut phone = Phone::start(link, flags);
        let participant = phone.until("joined").await["participant"].as_str().unwrap().to_owned();
        phone.until("waiting").await;
        self.admit(&participant).await;
        let live = phone.until("live").await;
        (phone, participant, live)
    }

    pub async fn viewer(&self, port: Option<u16>) -> Viewer {
        let ticket = self.sam.post(&format!("{}/tickets", self.path), json!({})).await.ok().body;
        Viewer::join(&ticket, port).await
    }

    /// Asks for a photo.
    pub async fn ask(&self, participant: &str) {
        self.sam.post(&format!("{}/photos", self.path), json!({"participant": participant})).await.ok();
    }

    pub async fn end(&self) {
        self.sam.post(&format!("{}/end", self.path), json!({})).await.ok();
    }

    /// The photo is at the server whole, once, and is what the phone sealed.
    pub async fn has(&self, photo: &Value) -> Vec<u8> {
        let state = self.sam.get(&self.path).await.ok().body["state"].take();
        let all = state["snapshots"].as_array().unwrap();
        let these: Vec<_> = all.iter().filter(|snapshot| snapshot["id"] == photo["object"]).collect();
        assert_eq!(these.len(), 1, "{state}");
        assert_eq!(these[0]["received"], these[0]["bytes"]);
        assert!(these[0]["stored_us"].is_u64());
        let log = self.sam.get(&format!("{}/log", self.path)).await.ok().body;
        let entries = log["entries"].as_array().unwrap().iter();
        let received = entries.filter(|e| e["action"] == "snapshot.receive" && e["object"] == photo["object"]);
        assert_eq!(received.count(), 1, "received once");
        let opened = self.sam.get(&format!("{}/snapshots/{}", self.path, photo["object"].as_str().unwrap())).await.ok();
        let sha256: String = Sha256::digest(&opened.bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            (sha256, opened.bytes.len() as u64),
            (photo["sha256"].as_str().unwrap().to_owned(), photo["bytes"].as_u64().unwrap())
        );
        opened.bytes.to_vec()
    }

    /// Photos that the session shows.
    pub async fn photos(&self) -> usize {
        self.sam.get(&self.path).await.ok().body["state"]["snapshots"].as_array().map_or(0, Vec::len)
    }
}
