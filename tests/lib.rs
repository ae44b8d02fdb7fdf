//! What the system tests share: a real server on loopback in a folder of its own, and people who speak to it as a
//! browser would: cookies, `Origin`, signed statements.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a test stops where it fails")]

mod gate;
mod photo;
mod process;
mod room;
mod viewer;

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use futures::StreamExt as _;
use handlens_audit::{Action, Actor, Token};
use handlens_protocol::consent::{DOMAIN, Decision, Purpose, REDEEM_DOMAIN, Statement, redeem_fields};
use handlens_protocol::{MarkId, Role, Secret, UserId};
use handlens_seal::signature::SigningKey;
use handlens_server::Server;
use handlens_server::audit::Note;
use handlens_server::clock::Clock;
use handlens_server::config::Layer;
use handlens_server::store::account::{self, Account};
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

pub use gate::Gate;
pub use photo::{PART, Photo};
pub use process::{Phone, Process};
pub use room::Room;
pub use viewer::{Picture, Video, Viewer, record};

pub const ORGANISATION: &str = "City Clinic";
pub const PHONE: &str = "+1 (555) 010-0100";
pub const EMAIL: &str = "sam@clinic.example";
pub const PASSWORD: &str = "correct horse battery staple";
/// 2026-11-23 12:00 UTC.
pub const NOON_US: u64 = 1_795_435_200_000_000;

/// A server with an organisation, and its folder.
pub struct House {
    pub server: Server,
    pub clock: Clock,
    pub folder: TempDir,
}

/// Somebody with a cookie jar.
#[derive(Clone)]
pub struct Person {
    http: reqwest::Client,
    origin: String,
    cookie: Option<String>,
}

/// What a server said.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub body: Value,
    pub cookie: Option<String>,
    pub headers: header::HeaderMap,
    pub bytes: Vec<u8>,
}

/// A guest's device: its key, its cookie and who it is.
pub struct Device {
    pub person: Person,
    pub key: SigningKey,
    pub view: Value,
}

impl House {
    /// A server that nobody has set up.
    pub async fn empty() -> Self {
        let folder = TempDir::new().unwrap();
        let clock = Clock::fixed(NOON_US);
        let server = start(&folder, clock.clone()).await;
        Self { server, clock, folder }
    }

    /// A server with City Clinic and Sam, who is logged in.
    pub async fn new() -> (Self, Person) {
        let house = Self::empty().await;
        let link = house.server.setup_link().unwrap();
        let secret = link.split_once('#').unwrap().1;
        let answer = house.stranger().post("/api/setup", sam(secret)).await.ok();
        let sam = Person { cookie: answer.cookie, ..house.stranger() };
        (house, sam)
    }

    /// Stops the server and starts it again on the same folder.
    pub async fn restart(self) -> Self {
        let Self { server, clock, folder } = self;
        server.shutdown().await;
        let server = start(&folder, clock.clone()).await;
        Self { server, clock, folder }
    }

    /// Somebody without a cookie.
    pub fn stranger(&self) -> Person {
        Person::stranger(&self.server.url().origin().ascii_serialization())
    }

    /// Sam after logging in again.
    pub async fn log_in(&self) -> Person {
        let answer = self.stranger().post("/api/login", json!({"email": EMAIL, "password": PASSWORD})).await.ok();
        Person { cookie: answer.cookie, ..self.stranger() }
    }

    /// The secret of a new link of `session`.
    pub async fn invite(&self, sam: &Person, session: &str) -> String {
        // Nothing happens in the same microsecond twice.
        self.clock.advance_us(1_000);
        let answer = sam.post(&format!("/api/sessions/{session}/invites"), json!({"agreed": true})).await.ok();
        answer.body["link"].as_str().unwrap().split_once('#').unwrap().1.to_owned()
    }

    /// A device that redeemed a new link of `session` and waits.
    pub async fn guest(&self, sam: &Person, session: &str) -> Device {
        let secret = self.invite(sam, session).await;
        Device::join(self, &secret).await
    }

    /// A guest of `session` who was let in.
    pub async fn admitted(&self, sam: &Person, session: &str) -> Device {
        let device = self.guest(sam, session).await;
        sam.post(&format!("/api/sessions/{session}/participants/{}/admit", device.participant()), json!({})).await.ok();
        device
    }

    /// Somebody beside Sam, logged in. Accounts have no routes yet.
    pub async fn colleague(&self, role: Role) -> Person {
        let app = self.server.app();
        let password = app.passwords.hash(&Secret::new(PASSWORD.to_owned())).await.unwrap();
        let sam = account::by_email(&mut app.store.reader().await.unwrap(), EMAIL).await.unwrap().unwrap().0;
        let robin = Account {
            id: UserId::random().unwrap(),
            email: "robin@clinic.example".to_owned(),
            name: "Robin Meadows".to_owned(),
            role,
            ..sam
        };
        let mut change = app.log.change(&app.live, robin.organisation, None).await.unwrap();
        let now_us = change.now_us();
        account::add(change.db(), &robin, &password, now_us).await.unwrap();
        let note = Note {
            actor: Actor::System(Token::new("test").unwrap()),
            action: Action::OrganisationCreate,
            object: ("user", robin.id.to_string()),
            refused: None,
            session: None,
            details: None,
        };
        change.write(note).await.unwrap();
        change.commit().await.unwrap();
        let login = json!({"email": robin.email, "password": PASSWORD});
        Person { cookie: self.stranger().post("/api/login", login).await.ok().cookie, ..self.stranger() }
    }

    pub fn now_us(&self) -> u64 {
        self.clock.now_us()
    }
}

impl Device {
    /// Redeems a link with a new key.
    pub async fn join(house: &House, secret: &str) -> Self {
        house.clock.advance_us(1_000);
        Self::join_at(&house.stranger(), secret, house.now_us()).await
    }

    /// The same at the server of that stranger, at that time.
    pub async fn join_at(stranger: &Person, secret: &str, now_us: u64) -> Self {
        let key = SigningKey::random().unwrap();
        let answer = stranger.post("/api/invites/redeem", redeem(secret, &key, now_us, false)).await.ok();
        Self { person: Person { cookie: answer.cookie, ..stranger.clone() }, key, view: answer.body }
    }

    pub fn participant(&self) -> &str {
        self.view["participant"].as_str().unwrap()
    }

    /// The body of a signed decision, over the words that were shown.
    pub fn statement(&self, purpose: Purpose, decision: Decision, now_us: u64) -> Value {
        let shown = self.view["wordings"].as_array().unwrap();
        let wording = shown.iter().find(|wording| wording["purpose"] == purpose.as_str()).unwrap();
        let wording_sha256: [u8; 32] = Sha256::digest(wording["text"].as_str().unwrap()).into();
        let mut nonce = [0; 16];
        nonce.copy_from_slice(&SigningKey::random().unwrap().expose()[..16]);
        let statement = Statement {
            organisation: self.view["organisation"].as_str().unwrap().parse().unwrap(),
            session: self.view["session"].as_str().unwrap().parse().unwrap(),
            participant: self.participant().parse().unwrap(),
            purpose,
            decision,
            wording_sha256,
            language: "en",
            nonce,
            expires_us: now_us + 60_000_000,
        };
        let fields = statement.fields();
        let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
        json!({
            "purpose": purpose.as_str(),
            "decision": decision.as_str(),
            "wording_sha256": BASE64URL_NOPAD.encode(&wording_sha256),
            "language": "en",
            "nonce": BASE64URL_NOPAD.encode(&nonce),
            "expires_us": statement.expires_us,
            "signature": BASE64URL_NOPAD.encode(&self.key.sign(DOMAIN, &fields).unwrap()),
        })
    }

    pub async fn decide(&self, house: &House, purpose: Purpose, decision: Decision) -> Answer {
        self.person.post("/api/guest/consents", self.statement(purpose, decision, house.now_us())).await
    }
}

impl Person {
    /// Somebody without a cookie at the server with this origin.
    pub fn stranger(origin: &str) -> Self {
        Self { http: client(), origin: origin.to_owned(), cookie: None }
    }

    /// Somebody who was known there before.
    pub fn with_cookie(origin: &str, cookie: &str) -> Self {
        Self { cookie: Some(cookie.to_owned()), ..Self::stranger(origin) }
    }

    /// As [`Self::post`]; `None` when no whole answer came: the server was killed.
    pub async fn try_post(&self, path: &str, body: Value) -> Option<Answer> {
        self.try_send(Method::POST, path, Some(body.to_string().into_bytes()), &[("origin", &self.origin)]).await
    }

    /// As [`Self::put`]; `None` when no whole answer came.
    pub async fn try_put(&self, path: &str, body: Value) -> Option<Answer> {
        self.try_send(Method::PUT, path, Some(body.to_string().into_bytes()), &[("origin", &self.origin)]).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, &[]).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body.to_string().into_bytes()), &[("origin", &self.origin)]).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, Some(body.to_string().into_bytes()), &[("origin", &self.origin)]).await
    }

    /// Any request; `headers` replace what a browser of ours would send.
    pub async fn send(&self, method: Method, path: &str, body: Option<Vec<u8>>, headers: &[(&str, &str)]) -> Answer {
        self.try_send(method, path, body, headers).await.expect("an answer")
    }

    /// As [`Self::send`]; `None` when no whole answer came.
    pub async fn try_send(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        headers: &[(&str, &str)],
    ) -> Option<Answer> {
        let mut request = self.http.request(method, format!("{}{path}", self.origin));
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, cookie);
        }
        if let Some(body) = body {
            if !headers.iter().any(|(name, _)| *name == "content-type") {
                request = request.header(header::CONTENT_TYPE, "application/json");
            }
            request = request.body(body);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.ok()?;
        let cookie = response.headers().get(header::SET_COOKIE).and_then(|value| value.to_str().ok());
        let cookie = cookie.and_then(|value| value.split(';').next()).map(str::to_owned);
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.bytes().await.ok()?.to_vec();
        Some(Answer { status, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null), cookie, headers, bytes })
    }

    /// A stream of server-sent events: [`Events::next`] gives the next `state`.
    pub async fn events(&self, path: &str) -> Events {
        let mut request = self.http.get(format!("{}{path}", self.origin));
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, cookie);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        Events { bytes: response.bytes_stream().boxed(), held: Vec::new() }
    }

    /// Sam's new session.
    pub async fn open_session(&self) -> String {
        let answer = self.post("/api/sessions", json!({"title": "Wound check"})).await.ok();
        answer.body["id"].as_str().unwrap().to_owned()
    }

    pub fn origin(&self) -> &str {
        &self.origin
    }

    pub fn cookie(&self) -> Option<&str> {
        self.cookie.as_deref()
    }
}

impl Answer {
    /// Fails the test unless the server said yes.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert!(self.status.is_success(), "{} {}", self.status, self.body);
        self
    }

    /// Fails the test unless the server refused with this code.
    #[track_caller]
    pub fn refused(self, code: &str) {
        assert_eq!(self.body["code"], code, "{} {}", self.status, self.body);
        assert_eq!(self.body["status"], self.status.as_u16());
        assert!(!self.body["detail"].as_str().unwrap().is_empty());
    }
}

/// Server-sent events as they come.
pub struct Events {
    bytes: futures::stream::BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    held: Vec<u8>,
}

impl Events {
    /// The next event's data, or `None` when the server ended the stream. Ten seconds is a fault.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.held.windows(2).position(|pair| pair == b"\n\n") {
                let event: Vec<u8> = self.held.drain(..end + 2).collect();
                let event = String::from_utf8(event).unwrap();
                if let Some(data) = event.lines().find_map(|line| line.strip_prefix("data: ")) {
                    return Some(serde_json::from_str(data).unwrap());
                }
                continue;
            }
            let chunk =
                tokio::time::timeout(Duration::from_secs(10), self.bytes.next()).await.expect("no event in 10 s");
            match chunk {
                Some(chunk) => self.held.extend_from_slice(&chunk.unwrap()),
                None => return None,
            }
        }
    }

    /// Events until one fits.
    pub async fn until(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        loop {
            let event = self.next().await.expect("the stream ended");
            if fits(&event) {
                return event;
            }
        }
    }
}

/// The first start's form.
pub fn sam(secret: &str) -> Value {
    json!({
        "secret": secret,
        "organisation": ORGANISATION,
        "phone": PHONE,
        "name": "Sam Fields",
        "email": EMAIL,
        "password": PASSWORD,
    })
}

/// A new mark on the picture of `camera`, an arrow.
pub fn arrow(camera: &str) -> Value {
    json!({
        "id": MarkId::random().unwrap(),
        "camera": camera,
        "capture_us": 12_000_000,
        "geometry": {"kind": "arrow", "from": {"x": 0.25, "y": 0.5}, "to": {"x": 0.625, "y": 0.375}},
        "style": {"colour": "yellow", "width": 0.0078125},
    })
}

/// The body of a redemption.
pub fn redeem(secret: &str, key: &SigningKey, now_us: u64, take_over: bool) -> Value {
    let raw = BASE64URL_NOPAD.decode(secret.as_bytes()).unwrap_or_default();
    let public = key.public().to_sec1();
    let expires_us = now_us + 60_000_000;
    let fields = redeem_fields(&Sha256::digest(raw).into(), &public, expires_us);
    let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
    json!({
        "secret": secret,
        "public_key": BASE64URL_NOPAD.encode(&public),
        "expires_us": expires_us,
        "signature": BASE64URL_NOPAD.encode(&key.sign(REDEEM_DOMAIN, &fields).unwrap()),
        "device": "Test on loopback",
        "take_over": take_over,
    })
}

fn client() -> reqwest::Client {
    // Built together with the phone's core, reqwest asks for a provider also where it speaks plain HTTP.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

async fn start(folder: &TempDir, clock: Clock) -> Server {
    let layer = Layer {
        data: Some(folder.path().join("data")),
        listen: Some("127.0.0.1:0".parse().unwrap()),
        ..Layer::default()
    };
    Server::start(layer.finish().unwrap(), clock).await.unwrap()
}
