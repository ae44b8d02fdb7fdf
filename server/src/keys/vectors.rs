//! The vectors of `tests/vectors/server`: what a server of version 1 has on its disk, under fixed keys.

use std::fs;
use std::path::{Path, PathBuf};

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use data_encoding::HEXLOWER;
use handlens_protocol::mark::Mark;
use handlens_protocol::{LoginId, OrganisationId, Role, SessionId, UserId};
use handlens_seal::hpke::OpenKey;
use handlens_seal::{Error as Sealing, Key};
use serde::Deserialize;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::{Error, Item, Organisation, Purpose, Root};
use crate::clock::Clock;
use crate::config::Layer;
use crate::http::cookie;
use crate::identity::Token;
use crate::store::{self, Store, account, session};

/// `keys.json`.
#[derive(Deserialize)]
pub(crate) struct Keys {
    root: RootFile,
    other_root: RootFile,
    pub(crate) organisation: OrganisationId,
    receipt_key: String,
    seal_key: String,
    pub(crate) commitment: String,
    sealed: Vec<Sealed>,
}

/// A root key file, and the organisation's key under it.
#[derive(Deserialize)]
struct RootFile {
    file: String,
    organisation: String,
}

/// Something sealed: its head, its container and what is in them.
#[derive(Deserialize)]
pub(crate) struct Sealed {
    what: String,
    object: String,
    session: Option<SessionId>,
    purpose: String,
    key: String,
    plaintext: String,
    head: String,
    container: String,
}

/// `log-key.json`.
#[derive(Deserialize)]
pub(crate) struct LogKey {
    pub(crate) file: String,
    pub(crate) name: String,
    pub(crate) vkey: String,
    pub(crate) origin: String,
    pub(crate) signature: String,
}

impl Keys {
    pub(crate) fn read() -> Self {
        serde_json::from_str(include_str!("../../../tests/vectors/server/keys.json")).unwrap()
    }

    /// The organisation's keys, by the root file in `folder`.
    pub(crate) fn open(&self, folder: &Path) -> Organisation {
        let root = self.root.open(folder, "root.key");
        root.open_organisation(&self.organisation.to_string(), &hex(&self.root.organisation)).unwrap()
    }

    pub(crate) fn sealed(&self, what: &str) -> &Sealed {
        self.sealed.iter().find(|sealed| sealed.what == what).unwrap()
    }
}

impl RootFile {
    fn open(&self, folder: &Path, name: &str) -> Root {
        Root::open(&private(folder, name, &self.file)).unwrap()
    }
}

impl Sealed {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        [hex(&self.head), hex(&self.container)].concat()
    }

    pub(crate) fn plaintext(&self) -> Vec<u8> {
        hex(&self.plaintext)
    }

    fn purpose(&self) -> Purpose {
        use Purpose::{AuditDetails, Marks, Notes, SecondFactors, SessionKeys, Sessions, Snapshots};
        let all = [Sessions, Notes, AuditDetails, Snapshots, Marks, SessionKeys, SecondFactors];
        all.into_iter().find(|purpose| purpose.as_str() == self.purpose).unwrap()
    }
}

impl LogKey {
    pub(crate) fn read() -> Self {
        serde_json::from_str(include_str!("../../../tests/vectors/server/log-key.json")).unwrap()
    }
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).unwrap()
}

/// A file of `text` that only its owner reads.
pub(crate) fn private(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    #[cfg(unix)]
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    path
}

/// A root file opens the organisation's key; under another root it is wrapped to the bytes that it was.
#[test]
fn roots_of_version_1_open() {
    let (vectors, folder) = (Keys::read(), tempfile::tempdir().unwrap());
    let (root, other) = (&vectors.root, &vectors.other_root);
    let name = vectors.organisation.to_string();
    let organisation = vectors.open(folder.path());
    assert_eq!(organisation.receipt_key().unwrap().public().to_sec1()[..], hex(&vectors.receipt_key));

    let [one, two] = [root, other].map(|file| file.open(folder.path(), "root.key"));
    let [wrapped, rewrapped] = [root, other].map(|file| hex(&file.organisation));
    assert_eq!(one.rewrap(&two, &name, &wrapped).unwrap()[..], rewrapped);
    assert_eq!(two.rewrap(&one, &name, &rewrapped).unwrap()[..], wrapped);

    for at in 0..wrapped.len() {
        let mut changed = wrapped.clone();
        changed[at] ^= 1;
        assert!(one.open_organisation(&name, &changed).is_err(), "byte {at}");
    }
    let mut changed = root.file.clone();
    changed.replace_range(..1, "5");
    assert_ne!(changed, root.file);
    let changed = Root::open(&private(folder.path(), "root.key", &changed)).unwrap();
    assert!(matches!(changed.open_organisation(&name, &wrapped), Err(Error::OtherKey { .. })));
}

/// Everything that is sealed opens, and its head is written again byte for byte; one changed byte and it does not open.
#[test]
fn sealed_things_of_version_1_open() {
    let (vectors, folder) = (Keys::read(), tempfile::tempdir().unwrap());
    let organisation = vectors.open(folder.path());
    for sealed in &vectors.sealed {
        let session = sealed.session.map(|session| session.to_string());
        let item = Item { purpose: sealed.purpose(), object: &sealed.object, session: session.as_deref() };
        assert_eq!(*organisation.open(item, &sealed.bytes()).unwrap(), sealed.plaintext(), "{}", sealed.what);
        let key = Key::from_slice(&hex(&sealed.key)).unwrap();
        assert_eq!(organisation.adopt(item, &key).unwrap()[..], hex(&sealed.head), "{}", sealed.what);
        for at in [0, 1, super::HEAD - 1, super::HEAD, sealed.bytes().len() - 1] {
            let mut changed = sealed.bytes();
            changed[at] ^= 1;
            assert!(organisation.open(item, &changed).is_err(), "{} byte {at}", sealed.what);
        }
    }
}

/// A session's private key lies there as its scalar, and a new one is sealed for the same place.
#[test]
fn session_keys_are_scalars() {
    let (vectors, folder) = (Keys::read(), tempfile::tempdir().unwrap());
    let (organisation, sealed) = (vectors.open(folder.path()), vectors.sealed("session_key"));
    let opens = OpenKey::from_bytes(&sealed.plaintext()).unwrap();
    assert_eq!(opens.public().to_sec1()[..], hex(&vectors.seal_key));

    let session = sealed.session.unwrap();
    let made = crate::upload::key::make(&organisation, session).unwrap();
    let item = Item { purpose: Purpose::SessionKeys, object: &sealed.object, session: Some(&sealed.object) };
    let scalar = organisation.open(item, &made.sealed).unwrap();
    assert_eq!(OpenKey::from_bytes(&scalar).unwrap().public().to_sec1()[..], made.public);
    let other = SessionId::from_bytes([1; 16]).to_string();
    let elsewhere = Item { object: &other, session: Some(&other), ..item };
    assert!(matches!(organisation.open(elsewhere, &made.sealed), Err(Error::Seal(Sealing::WrapHeader))));
}

/// A mark lies there as the JSON that the wire has, in the same order.
#[test]
fn marks_are_the_json_of_the_wire() {
    let vectors = Keys::read();
    let plaintext = vectors.sealed("mark").plaintext();
    let mark: Mark = serde_json::from_slice(&plaintext).unwrap();
    mark.check().unwrap();
    assert_eq!(serde_json::to_vec(&mark).unwrap(), plaintext);
}

/// A server that starts with these files and rows gives its technician the session, the note and the mark as they were.
#[tokio::test]
async fn rows_of_version_1_are_read() {
    const NOW_US: u64 = 1_795_435_200_000_000;
    let (vectors, folder) = (Keys::read(), tempfile::tempdir().unwrap());
    let (data, keys) = (folder.path().join("data"), folder.path().join("data.keys"));
    store::make_private(&keys).unwrap();
    private(&keys, "root.key", &vectors.root.file);
    private(&keys, "log.key", &LogKey::read().file);
    let (id, token) = (vectors.sealed("session").session.unwrap(), Token::random().unwrap());
    let store = Store::open(&data).await.unwrap();
    insert(&store, &vectors, id, &token, NOW_US).await;
    store.close().await;

    let config = Layer { data: Some(data), ..Layer::default() }.finish().unwrap();
    let app = crate::offline(config, Clock::fixed(NOW_US)).await.unwrap();
    assert_eq!(app.log.vkey(), LogKey::read().vkey);
    let get = async |path: &str| -> Value {
        let request = Request::get(format!("/api/sessions/{id}{path}"))
            .header(header::COOKIE, format!("{}={}", cookie::STAFF, *token.reveal()));
        let answer = crate::http::router(app.clone()).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        serde_json::from_slice(&to_bytes(answer.into_body(), 1 << 20).await.unwrap()).unwrap()
    };
    let fields: Value = serde_json::from_slice(&vectors.sealed("session").plaintext()).unwrap();
    let view = get("").await;
    for (name, value) in fields.as_object().unwrap() {
        assert_eq!(&view[name], value, "{name}");
    }
    let note = String::from_utf8(vectors.sealed("note").plaintext()).unwrap();
    assert_eq!(get("/note").await, json!({"text": note, "revision": 3}));
    let mut db = app.store.reader().await.unwrap();
    let marks = crate::mark::whole(&app, &mut db, vectors.organisation, id).await.unwrap();
    let shown: Value = serde_json::from_slice(&marks.json).unwrap();
    let mark: Value = serde_json::from_slice(&vectors.sealed("mark").plaintext()).unwrap();
    assert_eq!(shown["marks"], json!([mark]));
}

/// The rows of one session, whose technician is logged in by `token`.
async fn insert(store: &Store, vectors: &Keys, id: SessionId, token: &Token, now_us: u64) {
    let mut tx = store.begin().await.unwrap();
    let db = tx.connection();
    let organisation = account::Organisation {
        id: vectors.organisation,
        name: "City Clinic".to_owned(),
        phone: None,
        key: hex(&vectors.root.organisation),
    };
    account::add_organisation(db, &organisation, 1).await.unwrap();
    let sam = account::Account {
        id: UserId::random().unwrap(),
        organisation: vectors.organisation,
        email: "sam@example.org".to_owned(),
        name: "Sam Fields".to_owned(),
        role: Role::Technician,
        active: true,
    };
    account::add(db, &sam, "", 1).await.unwrap();
    let login = LoginId::random().unwrap();
    account::begin_login(db, login, sam.id, &token.hash(), now_us, now_us + 60_000_000).await.unwrap();
    sqlx::query(
        "INSERT INTO session (id, organisation, technician, revision, sealed, created_us)
         VALUES ($1, $2, $3, 4, $4, 1)",
    )
    .bind(id.to_string())
    .bind(vectors.organisation.to_string())
    .bind(sam.id.to_string())
    .bind(vectors.sealed("session").bytes())
    .execute(&mut *db)
    .await
    .unwrap();
    let note = session::Note { revision: 3, sealed: vectors.sealed("note").bytes() };
    session::write_note(db, id, &note, 1).await.unwrap();
    let sealed = vectors.sealed("mark");
    let mark: Mark = serde_json::from_slice(&sealed.plaintext()).unwrap();
    for (who, kind) in [(mark.author, "technician"), (mark.camera, "guest")] {
        sqlx::query(
            "INSERT INTO participant (id, session, kind, name, presence, device, arrived_us)
             VALUES ($1, $2, $3, '', 'admitted', '', 1)",
        )
        .bind(who.to_string())
        .bind(id.to_string())
        .bind(kind)
        .execute(&mut *db)
        .await
        .unwrap();
    }
    sqlx::query(
        "INSERT INTO mark (id, session, author, camera, committed_us, revision, sealed)
         VALUES ($1, $2, $3, $4, 1, 4, $5)",
    )
    .bind(&sealed.object)
    .bind(id.to_string())
    .bind(mark.author.to_string())
    .bind(mark.camera.to_string())
    .bind(sealed.bytes())
    .execute(&mut *db)
    .await
    .unwrap();
    tx.commit().await.unwrap();
}
