//! Bad input: each gets a typed error with a stable code, changes nothing, and never brings the server down.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops where it fails")]

use handlens_protocol::Kind;
use handlens_protocol::consent::{Decision, Purpose};
use handlens_seal::signature::SigningKey;
use handlens_tests::{Device, EMAIL, House, NOON_US, ORGANISATION, PASSWORD, PHONE, redeem};
use reqwest::Method;
use serde_json::{Value, json};

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
    let upgrade = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
        ("sec-websocket-protocol", "qmux-01.moq-lite-05"),
    ];
    sam.send(Method::GET, &socket, None, &upgrade).await.refused("foreign-origin");
    let foreign = [&upgrade[..], &[("origin", "https://evil.example")]].concat();
    sam.send(Method::GET, &socket, None, &foreign).await.refused("foreign-origin");
    // The control: our own page may.
    let origin = house.server.url().origin().ascii_serialization();
    let ours = [&upgrade[..], &[("origin", origin.as_str())]].concat();
    assert_eq!(sam.send(Method::GET, &socket, None, &ours).await.status, 101);
    assert_eq!(sam.get(&format!("/api/sessions/{session}")).await.ok().body["state"]["phase"], "waiting");
    house.server.shutdown().await;
}

/// A guest is on no staff route, staff on no guest route, a stranger on neither; another's session does not exist.
#[tokio::test]
async fn roles_stay_on_their_routes() {
    let (house, sam) = House::new().await;
    let session = sam.open_session().await;
    let patient = house.guest(&sam, &session).await;
    for path in
        ["/api/me", "/api/sessions", &format!("/api/sessions/{session}"), &format!("/api/sessions/{session}/log")]
    {
        patient.person.get(path).await.refused("not-logged-in");
        house.stranger().get(path).await.refused("not-logged-in");
    }
    sam.get("/api/guest").await.refused("not-logged-in");
    house.stranger().get("/api/guest").await.refused("not-logged-in");
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
    let declined = house.guest(&sam, &session).await;
    sam.post(&format!("{path}/participants/{}/decline", declined.participant()), json!({})).await.ok();
    sam.post(&format!("{path}/participants/{}/admit", declined.participant()), json!({})).await.refused("conflict");
    declined.decide(&house, Purpose::Camera, Decision::Grant).await.refused("not-admitted");

    let secret = house.invite(&sam, &session).await;
    let gone = Device::join(&house, &secret).await;
    gone.person.post("/api/guest/leave", json!({})).await.ok();
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
