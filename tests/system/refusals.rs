//! Bad input: each gets a typed error with a stable code, changes nothing, and never brings the server down.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops where it fails")]

use handlens_protocol::consent::{Decision, Purpose};
use handlens_protocol::{Kind, Role};
use handlens_seal::signature::SigningKey;
use handlens_server::access::{TABLE, Who};
use handlens_tests::{Answer, Device, EMAIL, House, NOON_US, ORGANISATION, PASSWORD, PHONE, Photo, arrow, redeem};
use reqwest::Method;
use serde_json::{Value, json};

/// What asks for a WebSocket.
const UPGRADE: [(&str, &str); 5] = [
    ("connection", "upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
    ("sec-websocket-protocol", "qmux-01.moq-lite-05"),
];

/// A foreign page cannot make a browser do anything here: neither by a form, nor by a script, nor by a WebSocket.
#[tokio::test]
async fn other_sites_are_refused() {
    let (house, sam) = House::new().await;
    let session = sam.open_session().await;
    let end = format!("/api/sessions/{session}/end");
    for headers in [
        &[("origin", "https://evil.example")][..],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
    ] {
        sam.send(Method::POST, &end, Some(b"{}".to_vec()), headers).await.refused("foreign-origin");
    }
    let socket = format!("/api/sessions/{session}/realtime");
    let patient = house.admitted(&sam, &session).await.person;
    for (who, socket) in [(&sam, socket.as_str()), (&patient, "/api/guest/realtime")] {
        who.send(Method::GET, socket, None, &UPGRADE).await.refused("foreign-origin");
        let foreign = [&UPGRADE[..], &[("origin", "https://evil.example")]].concat();
        who.send(Method::GET, socket, None, &foreign).await.refused("foreign-origin");
        // The control: our own page may.
        let origin = house.server.url().origin().ascii_serialization();
        let ours = [&UPGRADE[..], &[("origin", origin.as_str())]].concat();
        assert_eq!(who.send(Method::GET, socket, None, &ours).await.status, 101);
    }
    assert_eq!(sam.get(&format!("/api/sessions/{session}")).await.ok().body["state"]["phase"], "live");
    house.server.shutdown().await;
}

/// Every route that is somebody's, asked by everybody else: a guest is on no staff route, staff on no guest route, a
/// stranger on neither.
#[tokio::test]
async fn roles_stay_on_their_routes() {
    let (house, sam) = House::new().await;
    let session = sam.open_session().await;
    let patient = house.guest(&sam, &session).await;
    let origin = house.server.url().origin().ascii_serialization();
    let mut asked = 0;
    for row in TABLE {
        let intruders = match row.who {
            Who::Anyone => continue,
            Who::Staff(_) => [&patient.person, &house.stranger()].map(Clone::clone),
            Who::Guest | Who::Uploader => [&sam, &house.stranger()].map(Clone::clone),
        };
        let path = row.path.replace("{session}", &session).replace("{participant}", patient.participant());
        let path = path.replace("{invite}", "inv_0").replace("{object}", "obj_0");
        let mut headers = vec![("origin", origin.as_str()), ("tus-resumable", "1.0.0")];
        if row.socket {
            headers.extend(UPGRADE);
        }
        for intruder in intruders {
            let method = Method::from_bytes(row.method.as_bytes()).unwrap();
            let answer = intruder.send(method, &path, None, &headers).await;
            assert_eq!(answer.status, 401, "{} {}", row.method, row.path);
            if row.method != "HEAD" {
                answer.refused("not-logged-in");
            }
            asked += 1;
        }
    }
    assert!(asked > 60, "{asked}");
    // The control: for whom they are, they are there.
    sam.get(&format!("/api/sessions/{session}")).await.ok();
    patient.person.get("/api/guest").await.ok();
    house.server.shutdown().await;
}

/// What there is not, and what belongs to another session, is not found.
#[tokio::test]
async fn what_is_elsewhere_is_not_found() {
    let (house, sam) = House::new().await;
    let session = sam.open_session().await;
    let patient = house.guest(&sam, &session).await;
    for id in ["ses_00000000000000000000000000", "ses_0", "par_00000000000000000000000000", "%00"] {
        sam.get(&format!("/api/sessions/{id}")).await.refused("not-found");
    }
    let foreign = sam.open_session().await;
    let guest = patient.participant();
    sam.post(&format!("/api/sessions/{foreign}/participants/{guest}/admit"), json!({})).await.refused("not-found");
    sam.post(&format!("/api/sessions/{foreign}/freeze"), json!({"participant": guest, "frame_us": 1}))
        .await
        .refused("invalid");
    sam.send(Method::DELETE, &format!("/api/sessions/{session}"), None, &[]).await.refused("method-not-allowed");
    sam.get("/api/nothing").await.refused("not-found");
    house.server.shutdown().await;
}

/// A guest who asks without an end is stopped, and nobody else is.
#[tokio::test]
async fn a_guest_runs_out_of_requests() {
    let (house, sam) = House::new().await;
    let session = sam.open_session().await;
    let (busy, other) = (house.guest(&sam, &session).await, house.guest(&sam, &session).await);
    let mut asked = 0;
    let refused = loop {
        let answer = busy.person.get("/api/guest").await;
        if !answer.status.is_success() {
            break answer;
        }
        asked += 1;
        assert!(asked < 1_000, "nothing stops them");
    };
    refused.refused("too-many");
    assert!(asked >= 60, "{asked}");
    other.person.get("/api/guest").await.ok();
    house.server.shutdown().await;
}

/// A technician's colleagues do not reach their sessions, by no route; an administrator does.
#[tokio::test]
async fn a_session_is_its_technicians() {
    let (house, sam) = House::new().await;
    let session = sam.open_session().await;
    let guest = house.admitted(&sam, &session).await.participant().to_owned();
    let robin = house.colleague(Role::Technician).await;
    let bodies = [
        ("/invites", json!({"agreed": true})),
        ("/freeze", json!({"participant": guest, "frame_us": 1})),
        ("/marks", arrow(&guest)),
        ("/undo", json!({"mark": "mrk_00000000000000000000000000"})),
        ("/photos", json!({"participant": guest})),
        ("/note", json!({"text": "Hello", "revision": 0})),
    ];
    let origin = house.server.url().origin().ascii_serialization();
    let mut asked = 0;
    for row in TABLE.iter().filter(|row| row.path.starts_with("/api/sessions/{session}")) {
        let path = row.path.replace("{session}", &session).replace("{participant}", &guest);
        let path = path.replace("{invite}", "inv_00000000000000000000000000");
        let path = path.replace("{object}", "obj_00000000000000000000000000");
        let body = bodies.iter().find(|(end, _)| path.ends_with(end)).map_or(json!({}), |(_, body)| body.clone());
        let mut headers = vec![("origin", origin.as_str())];
        if row.socket {
            headers.extend(UPGRADE);
        }
        let method = Method::from_bytes(row.method.as_bytes()).unwrap();
        let body = (row.method != "GET").then(|| body.to_string().into_bytes());
        let answer = robin.send(method, &path, body, &headers).await;
        assert_eq!(answer.body["code"], "not-found", "{} {}: {}", row.method, row.path, answer.body);
        asked += 1;
    }
    assert!(asked > 15, "{asked}");
    assert_eq!(robin.get("/api/sessions").await.ok().body["sessions"], json!([]));
    let view = sam.get(&format!("/api/sessions/{session}")).await.ok().body;
    assert_eq!((&view["state"]["phase"], &view["invites"].as_array().unwrap().len()), (&json!("live"), &1));

    // The controls: what is Robin's own, and what an administrator sees.
    let own = robin.open_session().await;
    robin.get(&format!("/api/sessions/{own}")).await.ok();
    sam.get(&format!("/api/sessions/{own}")).await.ok();
    house.server.shutdown().await;
}

/// What is refused is counted, once and by its code; what is taken is not.
#[tokio::test]
async fn refusals_are_counted() {
    let (house, sam) = House::new().await;
    let session = sam.open_session().await;
    let patient = house.admitted(&sam, &session).await;
    let path = format!("/api/sessions/{session}");
    let (end, foreign) = (format!("{path}/end"), [("origin", "https://evil.example")]);
    let refusals = &house.server.app().refusals;
    let counted = async |kind: Kind, answer: std::pin::Pin<Box<dyn Future<Output = Answer> + '_>>| {
        let before = (refusals.total(), refusals.of(kind));
        answer.await.refused(kind.as_str());
        assert_eq!((refusals.total(), refusals.of(kind)), (before.0 + 1, before.1 + 1), "{kind:?}");
    };
    let stranger = house.stranger();
    counted(Kind::Malformed, Box::pin(sam.post("/api/sessions", json!([])))).await;
    counted(Kind::TooLarge, Box::pin(sam.post("/api/sessions", json!({"title": "x".repeat(121)})))).await;
    counted(Kind::NotFound, Box::pin(sam.get("/api/sessions/ses_0"))).await;
    counted(Kind::NotFound, Box::pin(sam.get("/api/nothing"))).await;
    counted(Kind::NotLoggedIn, Box::pin(stranger.get(&path))).await;
    counted(Kind::InviteUnknown, Box::pin(stranger.post("/api/invites/peek", json!({"secret": "AAAA"})))).await;
    counted(Kind::ForeignOrigin, Box::pin(sam.send(Method::POST, &end, None, &foreign))).await;
    let mut mark = arrow(patient.participant());
    mark["geometry"]["from"]["x"] = json!(1e9);
    counted(Kind::Invalid, Box::pin(sam.post(&format!("{path}/marks"), mark))).await;
    patient.decide(&house, Purpose::Snapshots, Decision::Grant).await.ok();
    let photo = Photo::taken(&patient, &[7; 5_000]);
    patient.announce(&photo).await.ok();
    counted(Kind::OffsetMismatch, Box::pin(patient.send_part(&photo, 1, &photo.sealed[1..]))).await;
    let mut changed = photo.sealed.clone();
    changed[9] ^= 1;
    counted(Kind::WrongDigest, Box::pin(patient.send_part(&photo, 0, &changed))).await;
    // The control.
    let before = refusals.total();
    patient.upload(&photo).await;
    sam.get(&path).await.ok();
    assert_eq!(refusals.total(), before);
    house.server.shutdown().await;
}

/// Bodies are bounded before they are parsed, and what is not understood is not guessed.
#[tokio::test]
async fn bodies_are_bounded_and_strict() {
    let (house, sam) = House::new().await;
    let send = async |body: Vec<u8>, headers: &[(&str, &str)]| {
        sam.send(Method::POST, "/api/sessions", Some(body), headers).await
    };
    send(vec![b' '; 65 * 1024], &[]).await.refused("too-large");
    send(b"{".to_vec(), &[]).await.refused("malformed");
    send(b"[]".to_vec(), &[]).await.refused("malformed");
    send(br#"{"title":"a","colour":"red"}"#.to_vec(), &[]).await.refused("malformed");
    send(br#"{"title":7}"#.to_vec(), &[]).await.refused("malformed");
    send(b"\xff\xfe".to_vec(), &[]).await.refused("malformed");
    send(br#"{"title":"  "}"#.to_vec(), &[]).await.refused("invalid");
    send(json!({"title": "x".repeat(121)}).to_string().into_bytes(), &[]).await.refused("too-large");
    send(json!({"title": "bell\u{7}"}).to_string().into_bytes(), &[]).await.refused("invalid");
    sam.get("/api/sessions?limit=many").await.refused("malformed");
    // What was typed is not said back: it may be what must not be repeated.
    let answer = send(br#"{"title":{"Ada Example":1}}"#.to_vec(), &[]).await;
    assert!(!answer.body.to_string().contains("Ada"), "{}", answer.body);
    assert_eq!(sam.get("/api/sessions").await.ok().body["sessions"], json!([]));
    house.server.shutdown().await;
}

/// Looking at a link spends nothing, whatever looks; a link that is not one, over, refused or turned off says so, and
/// says whom its holder can call; who has no link is told nobody's name.
#[tokio::test]
async fn links_say_why_not() {
    let (house, sam) = House::new().await;
    let session = sam.open_session().await;
    let stranger = house.stranger();
    let peek = async |secret: &str| stranger.post("/api/invites/peek", json!({"secret": secret})).await;
    for secret in ["", "AAAA", "AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAB", "äöü", &"A".repeat(10_000)] {
        let answer = peek(secret).await;
        assert!(answer.body["host"].is_null(), "{}", answer.body);
        answer.refused("invite-unknown");
    }
    let host = json!({"organisation": ORGANISATION, "organisation_phone": PHONE});
    let secret = house.invite(&sam, &session).await;
    for _ in 0..3 {
        assert_eq!(peek(&secret).await.ok().body["used"], false);
    }
    for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
        assert!(!stranger.send(method.clone(), "/api/invites/redeem", None, &[]).await.status.is_success());
        stranger.send(method, "/j", None, &[]).await;
    }
    assert_eq!(peek(&secret).await.ok().body["used"], false);

    stranger.post("/api/invites/refuse", json!({"secret": secret})).await.ok();
    let key = SigningKey::random().unwrap();
    let tried = stranger.post("/api/invites/redeem", redeem(&secret, &key, NOON_US, false)).await;
    for answer in [peek(&secret).await, tried] {
        assert_eq!(answer.body["host"], host);
        answer.refused("invite-revoked");
    }

    let late = house.invite(&sam, &session).await;
    house.clock.advance_us(3_600_000_001);
    let answer = peek(&late).await;
    assert_eq!(answer.body["host"], host);
    answer.refused("invite-expired");
    stranger.post("/api/invites/redeem", redeem(&late, &key, house.now_us(), false)).await.refused("invite-expired");
    stranger.post("/api/invites/again", json!({"secret": late})).await.ok();
    let invites = sam.get(&format!("/api/sessions/{session}")).await.ok().body["invites"].clone();
    assert!(invites[1]["again_us"].is_number() && invites[1]["redeemed_us"].is_null(), "{invites}");
    sam.post(&format!("/api/sessions/{session}/end"), json!({})).await.ok();
    let answer = peek(&late).await;
    assert_eq!(answer.body["host"], host);
    answer.refused("session-ended");
    house.server.shutdown().await;
}

/// A redemption proves the key it names, for this link, now.
#[tokio::test]
async fn a_redemption_is_signed() {
    let (house, sam) = House::new().await;
    let session = sam.open_session().await;
    let (secret, other) = (house.invite(&sam, &session).await, house.invite(&sam, &session).await);
    let key = SigningKey::random().unwrap();
    let good = redeem(&secret, &key, NOON_US, false);
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    let stolen = SigningKey::random().unwrap().public().to_sec1();
    let stolen = data_encoding::BASE64URL_NOPAD.encode(&stolen);
    let cases = [
        (with("secret", json!(other)), "bad-signature"),
        (with("public_key", json!(stolen)), "bad-signature"),
        (with("public_key", json!("BAAA")), "bad-signature"),
        (with("public_key", json!("A".repeat(87))), "bad-signature"),
        (with("signature", json!("A".repeat(86))), "bad-signature"),
        (with("expires_us", json!(NOON_US + 60_000_001)), "bad-signature"),
        (with("expires_us", json!(NOON_US - 1)), "stale-statement"),
        (with("expires_us", json!(u64::MAX)), "stale-statement"),
    ];
    for (body, code) in cases {
        house.stranger().post("/api/invites/redeem", body).await.refused(code);
    }
    house.stranger().post("/api/invites/redeem", good).await.ok();
    house.server.shutdown().await;
}

/// A grant that was signed before its withdrawal and arrives after it changes nothing: what a person said last holds. A
/// withdrawal is never too late, and a grant after it is one.
#[tokio::test]
async fn a_grant_that_comes_after_its_withdrawal_is_too_late() {
    let (house, sam) = House::new().await;
    let session = sam.open_session().await;
    let ada = house.guest(&sam, &session).await;
    let said = async |decision, at_us| {
        ada.person.post("/api/guest/consents", ada.statement(Purpose::Camera, decision, at_us)).await
    };
    let granted = async || ada.person.get("/api/guest").await.ok().body["grants"] == json!(["camera"]);
    said(Decision::Revoke, NOON_US + 2).await.ok();
    said(Decision::Grant, NOON_US + 1).await.refused("stale-statement");
    assert!(!granted().await);
    said(Decision::Grant, NOON_US + 3).await.ok();
    assert!(granted().await);
    said(Decision::Revoke, NOON_US).await.ok();
    assert!(!granted().await);
    house.server.shutdown().await;
}

/// A consent is this person's, over the words they saw, for one purpose, once. Nobody else can make one.
#[tokio::test]
async fn a_consent_is_the_persons_own() {
    let (house, sam) = House::new().await;
    let session = sam.open_session().await;
    let (ada, bob) = (house.guest(&sam, &session).await, house.guest(&sam, &session).await);
    let good = ada.statement(Purpose::Camera, Decision::Grant, NOON_US);
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    let cases = [
        (with("purpose", json!("recording")), "bad-wording"),
        (with("decision", json!("revoke")), "bad-signature"),
        (with("language", json!("de")), "bad-wording"),
        (with("wording_sha256", json!("A".repeat(43))), "bad-wording"),
        (with("nonce", json!("A".repeat(22))), "bad-signature"),
        (with("nonce", json!("short")), "bad-signature"),
        (with("expires_us", json!(NOON_US - 1)), "stale-statement"),
        (with("purpose", json!("clipboard")), "malformed"),
    ];
    for (body, code) in cases {
        ada.person.post("/api/guest/consents", body).await.refused(code);
    }
    bob.person.post("/api/guest/consents", good.clone()).await.refused("bad-signature");
    ada.person.post("/api/guest/consents", good.clone()).await.ok();
    ada.person.post("/api/guest/consents", good).await.refused("stale-statement");
    let view = sam.get(&format!("/api/sessions/{session}")).await.ok().body;
    let grants: Vec<&Value> =
        view["state"]["participants"].as_array().unwrap().iter().map(|who| &who["grants"]).collect();
    assert_eq!(grants, [&json!([]), &json!(["camera"]), &json!([])]);
    house.server.shutdown().await;
}

/// Passwords cannot be tried for ever; who tried is told to wait, and the account is not lost.
#[tokio::test]
async fn wrong_passwords_run_out() {
    let (house, _sam) = House::new().await;
    let attempt =
        async |password: &str| house.stranger().post("/api/login", json!({"email": EMAIL, "password": password})).await;
    for _ in 0..10 {
        attempt("wrong horse battery staple").await.refused("wrong-credentials");
    }
    attempt(PASSWORD).await.refused("too-many");
    house
        .stranger()
        .post("/api/login", json!({"email": "nobody@clinic.example", "password": "x"}))
        .await
        .refused("wrong-credentials");
    house.server.shutdown().await;
}

/// What is over stays over: a decline, a leave and an end are final, and each says so.
#[tokio::test]
async fn what_is_over_stays_over() {
    let (house, sam) = House::new().await;
    let session = sam.open_session().await;
    let path = format!("/api/sessions/{session}");
    let secret = house.invite(&sam, &session).await;
    let declined = Device::join(&house, &secret).await;
    sam.post(&format!("{path}/participants/{}/decline", declined.participant()), json!({})).await.ok();
    sam.post(&format!("{path}/participants/{}/admit", declined.participant()), json!({})).await.refused("conflict");
    declined.decide(&house, Purpose::Camera, Decision::Grant).await.refused("not-admitted");
    // To leave is no way back in.
    declined.person.post("/api/guest/leave", json!({})).await.ok();
    let again = redeem(&secret, &declined.key, house.now_us(), false);
    let view = house.stranger().post("/api/invites/redeem", again).await.ok().body;
    assert_eq!((&view["participant"], &view["presence"]), (&json!(declined.participant()), &json!("declined")));

    let secret = house.invite(&sam, &session).await;
    let gone = Device::join(&house, &secret).await;
    for _ in 0..2 {
        gone.person.post("/api/guest/leave", json!({})).await.ok();
    }
    let log = sam.get(&format!("{path}/log")).await.ok().body;
    let left = log["entries"].as_array().unwrap().iter().filter(|entry| entry["action"] == "participant.leave");
    let left: Vec<_> = left.map(|entry| &entry["object"]).collect();
    assert_eq!(left, [&json!(gone.participant())], "who is out does not leave again");
    gone.person.post("/api/guest/tickets", json!({})).await.refused("not-admitted");

    sam.post(&format!("{path}/end"), json!({})).await.ok();
    for (what, body) in [("invites", json!({"agreed": true})), ("unfreeze", json!({})), ("tickets", json!({}))] {
        sam.post(&format!("{path}/{what}"), body).await.refused("session-ended");
    }
    house.stranger().post("/api/invites/peek", json!({"secret": secret})).await.refused("session-ended");
    sam.post(&format!("{path}/end"), json!({})).await.ok();
    house.server.shutdown().await;
}

/// Every code that can be answered is in the description of the problem format, once.
#[test]
fn codes_are_distinct() {
    let mut codes: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), Kind::ALL.len());
}
