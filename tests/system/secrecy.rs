//! What identifies a patient is nowhere in the clear: not in the database, not beside it, not in the log, not in an export.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops where it fails")]

use std::net::UdpSocket;
use std::path::Path;

use handlens_protocol::consent::{Decision, Purpose};
use handlens_tests::{Gate, House, PART, PASSWORD, Person, Phone, Photo, Process, Room, Viewer, arrow};
use serde_json::json;
use sha2::{Digest as _, Sha256};

const SECRETS: [&str; 7] = [
    "Adalind Quickthorn",
    "+15558675309",
    "adalind@quickthorn.example",
    "Postoperative sternum check",
    "Look at the dressing first",
    "Allergic to marzipan",
    "Redness of two centimetres",
];

/// Title, name, phone, e-mail, agenda, description and note are found in no file of the server and in no export.
#[tokio::test]
async fn the_folder_holds_no_patient_in_the_clear() {
    let (house, sam) = House::new().await;
    let new = json!({
        "title": SECRETS[3], "agenda": SECRETS[4], "description": SECRETS[5],
        "patient_name": SECRETS[0], "patient_phone": SECRETS[1], "patient_email": SECRETS[2],
    });
    let session = sam.post("/api/sessions", new).await.ok().body["id"].as_str().unwrap().to_owned();
    let path = format!("/api/sessions/{session}");
    sam.put(&format!("{path}/note"), json!({"text": SECRETS[6], "revision": 0})).await.ok();
    let patient = house.guest(&sam, &session).await;
    patient.decide(&house, Purpose::Camera, Decision::Grant).await.ok();
    // It is there, for whom it is meant.
    let view = sam.get(&path).await.ok().body;
    assert_eq!((view["patient_name"].as_str(), view["agenda"].as_str()), (Some(SECRETS[0]), Some(SECRETS[4])));
    assert!(!sam.get(&format!("{path}/log")).await.ok().body.to_string().contains("Quickthorn"));

    let export = house.folder.path().join("export.ndjson");
    handlens_server::export::export(house.server.app(), &mut std::fs::File::create(export).unwrap()).await.unwrap();
    // Before and after the write-ahead log is folded in.
    assert_eq!(found(house.folder.path(), &SECRETS), Vec::<String>::new());
    house.server.shutdown().await;
    assert_eq!(found(house.folder.path(), &SECRETS), Vec::<String>::new());

    // The control: the search finds a planted word, and what is stored in the clear on purpose.
    std::fs::write(house.folder.path().join("data/planted"), format!("…{}…", SECRETS[0])).unwrap();
    assert_eq!(found(house.folder.path(), &SECRETS).len(), 1);
    assert!(!found(house.folder.path(), &["City Clinic"]).is_empty());
}

/// What a mark points at, and the picture around it.
const SEEN: [&str; 3] = ["Mole on the left shoulder, 7 mm", "0.314159", "0.271828"];

/// Neither the place of a mark nor the patch of the patient's picture is found in any file, committed or undone.
#[tokio::test]
async fn the_folder_holds_no_mark_in_the_clear() {
    let (house, sam) = House::new().await;
    let session = sam.open_session().await;
    let patient = house.admitted(&sam, &session).await;
    let mut mark = arrow(patient.participant());
    mark["geometry"]["from"] = json!({"x": 0.314_159, "y": 0.271_828});
    mark["patch"] = json!({
        "from": {"x": 0.25, "y": 0.25}, "to": {"x": 0.5, "y": 0.5},
        "width": SEEN[0].len(), "height": 1, "grey": data_encoding::BASE64URL_NOPAD.encode(SEEN[0].as_bytes()),
    });
    let kept = sam.post(&format!("/api/sessions/{session}/marks"), mark.clone()).await.ok().body;
    sam.post(&format!("/api/sessions/{session}/tickets"), json!({})).await.ok();
    assert_eq!(found(house.folder.path(), &SEEN), Vec::<String>::new());
    sam.post(&format!("/api/sessions/{session}/marks/undo"), json!({"mark": mark["id"]})).await.ok();
    let export = house.folder.path().join("export.ndjson");
    handlens_server::export::export(house.server.app(), &mut std::fs::File::create(export).unwrap()).await.unwrap();
    house.server.shutdown().await;
    assert_eq!(found(house.folder.path(), &SEEN), Vec::<String>::new());

    // The controls: all three are found where the mark lies open, and the id, which says nothing, where it is kept.
    std::fs::write(house.folder.path().join("data/planted"), kept.to_string()).unwrap();
    assert_eq!(found(house.folder.path(), &SEEN).len(), SEEN.len());
    std::fs::remove_file(house.folder.path().join("data/planted")).unwrap();
    assert!(!found(house.folder.path(), &[mark["id"].as_str().unwrap()]).is_empty());
}

/// Neither a photo's bytes nor its digest in the clear are found in any file, while it is on its way and when it is stored.
#[tokio::test]
async fn the_folder_holds_no_photo_in_the_clear() {
    let (house, sam) = House::new().await;
    let session = sam.open_session().await;
    let patient = house.guest(&sam, &session).await;
    patient.decide(&house, Purpose::Snapshots, Decision::Grant).await.ok();
    let jpeg: Vec<u8> = (0..9_000u64).flat_map(|n| Sha256::digest(n.to_le_bytes()).to_vec()).collect();
    let photo = Photo::taken(&patient, &jpeg);
    let digest = Sha256::digest(&photo.plaintext).to_vec();
    let mut needles: Vec<(String, Vec<u8>)> =
        jpeg.chunks(50_000).map(|part| ("a piece of the picture".to_owned(), part[..24].to_vec())).collect();
    needles.push(("its digest".to_owned(), digest.clone()));
    needles.push(("its digest in hexadecimal".to_owned(), data_encoding::HEXLOWER.encode(&digest).into_bytes()));
    needles.push(("its digest in base64".to_owned(), data_encoding::BASE64_NOPAD.encode(&digest).into_bytes()));
    needles.push(("its digest in base64url".to_owned(), data_encoding::BASE64URL_NOPAD.encode(&digest).into_bytes()));

    patient.announce(&photo).await.ok();
    patient.send_part(&photo, 0, &photo.sealed[..PART]).await.ok();
    assert_eq!(search(house.folder.path(), &needles), Vec::<String>::new());
    patient.send_part(&photo, PART, &photo.sealed[PART..]).await.ok();
    let path = format!("/api/sessions/{session}/snapshots/{}", photo.object);
    assert_eq!(sam.get(&path).await.ok().bytes, photo.plaintext);
    let export = house.folder.path().join("export.ndjson");
    handlens_server::export::export(house.server.app(), &mut std::fs::File::create(export).unwrap()).await.unwrap();
    assert_eq!(search(house.folder.path(), &needles), Vec::<String>::new());
    house.server.shutdown().await;
    assert_eq!(search(house.folder.path(), &needles), Vec::<String>::new());

    // The control: the search finds the sealed bytes where they should be, and a picture that lies there in the clear.
    let sealed = vec![("the sealed picture".to_owned(), photo.sealed[100_000..100_024].to_vec())];
    assert_eq!(search(house.folder.path(), &sealed).len(), 1);
    std::fs::write(house.folder.path().join("data/planted"), &photo.plaintext).unwrap();
    assert_eq!(search(house.folder.path(), &needles).len(), jpeg.len().div_ceil(50_000));
}

/// A visit between a server and a phone that log all they can, the phone killed with a photo in its vault: no word of the
/// patient and no piece of the photo is in the server's folder, in either log, in the vault as it lay there, or in the export.
#[tokio::test]
async fn a_visit_leaves_nothing_in_the_clear() {
    let folder = tempfile::tempdir().unwrap();
    let (served, joined) = (folder.path().join("serve.log"), folder.path().join("join.log"));
    let server = Process::start_logged(folder.path(), &served, &[]).await;
    let session = json!({
        "title": SECRETS[3], "agenda": SECRETS[4], "description": SECRETS[5],
        "patient_name": SECRETS[0], "patient_phone": SECRETS[1], "patient_email": SECRETS[2],
    });
    let room = Room::of(server, folder, session).await;
    room.sam.put(&format!("{}/note", room.path), json!({"text": SECRETS[6], "revision": 0})).await.ok();
    let gate = Gate::to(&room.server.origin).await;
    let (link, state) = (gate.link(&room.link().await), room.state());
    let flags = ["--state", state.to_str().unwrap()];
    let mut phone = Phone::start_logged(&link, &flags, &joined);
    let participant = phone.until("joined").await["participant"].as_str().unwrap().to_owned();
    phone.until("waiting").await;
    room.admit(&participant).await;
    phone.until("live").await;
    mistakes(&room).await;
    gate.cut_after(0);
    room.ask(&participant).await;
    let photo = phone.until("photo").await;
    gate.was_cut().await;
    phone.kill().await;
    let kept = room.folder.path().join("phone-when-killed");
    std::fs::create_dir(&kept).unwrap();
    let mut bytes = 0;
    for file in std::fs::read_dir(&state).unwrap() {
        let file = file.unwrap();
        bytes += std::fs::copy(file.path(), kept.join(file.file_name())).unwrap();
    }
    assert!(bytes > photo["bytes"].as_u64().unwrap(), "the control: the photo was in the vault");
    gate.open();
    let mut phone = Phone::start_logged(&link, &flags, &joined);
    phone.until("receipt").await;
    let plaintext = room.has(&photo).await;
    assert_eq!(phone.stop().await.0, Some(0));
    Process::export(room.folder.path(), &room.folder.path().join("export.ndjson")).await;

    let mut needles = needles(&SECRETS);
    let ticket = room.sam.post(&format!("{}/tickets", room.path), json!({})).await.ok().body;
    drop(Viewer::join(&ticket, None).await);
    let cookie = room.sam.cookie().unwrap().split_once('=').unwrap().1;
    let secrets = [link.split_once('#').unwrap().1, cookie, PASSWORD, ticket["ticket"].as_str().unwrap()];
    needles.extend(secrets.map(|secret| ("a secret".to_owned(), secret.as_bytes().to_vec())));
    needles.extend(opens());
    let pieces = plaintext.chunks_exact(8_000).map(|piece| ("a piece of the photo".to_owned(), piece[..24].to_vec()));
    needles.extend(pieces);
    let root = room.folder.path();
    assert_eq!(search(root, &needles), Vec::<String>::new());

    // The controls: both logged, and what is planted in a log, the server's folder and the phone's is found.
    assert_eq!(search(root, &[("a level".to_owned(), b"TRACE".to_vec())]).len(), 2);
    std::fs::write(&served, format!("DEBUG patient={}", SECRETS[0])).unwrap();
    std::fs::write(root.join("data/planted"), SECRETS[1]).unwrap();
    std::fs::write(state.join("planted"), &plaintext[..24]).unwrap();
    assert_eq!(search(root, &needles).len(), 3);
}

/// Where UDP is blocked a cookie opens a WebSocket, and libraries that carry it print what they carry if they are let.
#[tokio::test]
async fn a_websocket_leaves_no_cookie_in_the_log() {
    // Clients are told a port that takes packets and never answers.
    let mute = UdpSocket::bind("127.0.0.1:0").unwrap();
    let announced = mute.local_addr().unwrap().port().to_string();
    let folder = tempfile::tempdir().unwrap();
    let (served, joined) = (folder.path().join("serve.log"), folder.path().join("join.log"));
    let server = Process::start_logged(folder.path(), &served, &["--udp-announce", &announced]).await;
    let room = Room::of(server, folder, json!({"title": "Visit"})).await;
    let link = room.link().await;
    let mut phone = Phone::start_logged(&link, &[], &joined);
    let participant = phone.until("joined").await["participant"].as_str().unwrap().to_owned();
    room.admit(&participant).await;
    assert_eq!(phone.until("live").await["via"], "websocket");
    assert_eq!(phone.stop().await.0, Some(0));

    let mut needles = opens();
    needles.push(("the link's secret".to_owned(), link.split_once('#').unwrap().1.as_bytes().to_vec()));
    assert_eq!(search(room.folder.path(), &needles), Vec::<String>::new());
    assert_eq!(search(room.folder.path(), &[("a level".to_owned(), b"DEBUG".to_vec())]).len(), 2, "both logged");
}

/// What stands before a phone's cookie and ticket, whose values only it knows.
fn opens() -> Vec<(String, Vec<u8>)> {
    ["handlens-guest=", "handlens-ticket."].map(|name| (name.to_owned(), name.as_bytes().to_vec())).to_vec()
}

/// What identifies a patient in requests that are refused: as a value, as a name, as another type, too long, in a path, in a
/// query and at the door.
async fn mistakes(room: &Room) {
    let [name, phone, email, ..] = SECRETS;
    for body in [
        json!({"title": name, name: phone}),
        json!({"title": {name: 1}}),
        json!({"title": [name, email]}),
        json!({"title": format!("{name} {}", "x".repeat(200))}),
        json!({"title": "Visit", "patient_phone": format!("{phone} or {email}")}),
    ] {
        let answer = room.sam.post("/api/sessions", body).await;
        assert!(answer.status.is_client_error(), "{}", answer.status);
        assert_eq!(SECRETS.iter().find(|secret| answer.body.to_string().contains(**secret)), None);
    }
    let escaped = name.replace(' ', "%20");
    room.sam.get(&format!("/api/sessions/{escaped}")).await.refused("not-found");
    room.sam.get(&format!("/api/sessions?limit={escaped}")).await.refused("malformed");
    let login = json!({"email": email, "password": PASSWORD});
    Person::stranger(&room.server.origin).post("/api/login", login).await.refused("wrong-credentials");
}

/// Files below `folder` that hold one of `words`.
fn found(folder: &Path, words: &[&str]) -> Vec<String> {
    search(folder, &needles(words))
}

/// Words as they may lie in a file: as UTF-8, UTF-16, base64 or hexadecimal.
fn needles(words: &[&str]) -> Vec<(String, Vec<u8>)> {
    let mut needles: Vec<(String, Vec<u8>)> = Vec::new();
    for word in words {
        needles.push(((*word).to_owned(), word.as_bytes().to_vec()));
        if word.contains(' ') {
            needles.push((format!("{word} in a path"), word.replace(' ', "%20").into_bytes()));
        }
        needles.push((format!("{word} in UTF-16"), word.encode_utf16().flat_map(u16::to_le_bytes).collect()));
        needles.push((format!("{word} in hexadecimal"), data_encoding::HEXLOWER.encode(word.as_bytes()).into_bytes()));
        for shift in 0..3 {
            // Base64 of the word at each of the three alignments, without the ends that depend on its neighbours.
            let text = data_encoding::BASE64_NOPAD.encode(&[&[0; 2][..shift], word.as_bytes()].concat());
            needles.push((format!("{word} in base64"), text.as_bytes()[4..text.len() - 4].to_vec()));
        }
    }
    needles
}

/// Files below `folder` that hold one of these bytes.
fn search(folder: &Path, needles: &[(String, Vec<u8>)]) -> Vec<String> {
    let mut hits = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            for (name, needle) in needles {
                if bytes.windows(needle.len()).any(|window| window == needle) {
                    hits.push(format!("{name} in {}", path.display()));
                }
            }
        }
    }
    hits
}
