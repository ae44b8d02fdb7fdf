//! The unbroken line without a picture: invite, join, admit, allow, withdraw, freeze, note, end, and the log that proves it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops where it fails")]

use handlens_audit::{Action, Actor, Token};
use handlens_protocol::Role;
use handlens_protocol::consent::{Decision, Purpose};
use handlens_protocol::limits::PARTICIPANTS_PER_SESSION;
use handlens_seal::signature::SigningKey;
use handlens_server::audit::Note;
use handlens_server::identity::{GUEST_SECONDS, LOGIN_SECONDS, recover};
use handlens_server::store::account;
use handlens_tests::{Device, House, NOON_US, Person, Viewer, redeem};
use serde_json::{Value, json};

/// From the invite to the end, as each side sees it, and the log names every step once, in order.
#[tokio::test]
async fn a_session_from_invite_to_proof() {
    let (house, sam) = House::new().await;
    let session = sam.open_session().await;
    let path = format!("/api/sessions/{session}");
    let mut console = sam.events(&format!("{path}/events")).await;
    assert_eq!(console.next().await.unwrap()["state"]["phase"], "waiting");

    let secret = house.invite(&sam, &session).await;
    let peek = house.stranger().post("/api/invites/peek", json!({"secret": secret})).await.ok().body;
    assert_eq!((peek["organisation"].as_str(), peek["technician"].as_str()), (Some("City Clinic"), Some("Sam")));
    assert_eq!(peek["organisation_phone"], handlens_tests::PHONE);
    console.until(|event| event["invites"][0]["opened_us"].is_number()).await;

    let patient = Device::join(&house, &secret).await;
    let guest = patient.participant();
    assert_eq!(patient.view["organisation_phone"], handlens_tests::PHONE);
    let mut waiting = patient.person.events("/api/guest/events").await;
    assert_eq!(waiting.next().await.unwrap()["presence"], "waiting");
    patient.decide(&house, Purpose::Camera, Decision::Grant).await.ok();
    patient.person.post("/api/guest/tickets", json!({})).await.refused("not-admitted");

    let seen = console.until(|event| event["state"]["participants"][1]["grants"] == json!(["camera"])).await;
    assert_eq!(seen["state"]["participants"][1]["id"], guest);
    sam.post(&format!("{path}/participants/{guest}/admit"), json!({})).await.ok();
    waiting.until(|event| event["presence"] == "admitted").await;

    let ticket = patient.person.post("/api/guest/tickets", json!({})).await.ok().body;
    let data = ticket["publish"][1].as_str().unwrap();
    assert!(data.ends_with(&format!("{session}/{guest}/data")), "{data}");
    assert_eq!(ticket["purposes"], json!(["camera", "data"]));
    patient.decide(&house, Purpose::Camera, Decision::Revoke).await.ok();
    let ticket = patient.person.post("/api/guest/tickets", json!({})).await.ok().body;
    assert_eq!(ticket["purposes"], json!(["data"]));

    sam.post(&format!("{path}/freeze"), json!({"participant": guest, "frame_us": 77})).await.ok();
    waiting.until(|event| event["frozen"]["frame_us"] == 77).await;
    sam.post(&format!("{path}/unfreeze"), json!({})).await.ok();
    assert_eq!(
        sam.put(&format!("{path}/note"), json!({"text": "Healing well.", "revision": 0})).await.ok().body["revision"],
        1
    );
    sam.put(&format!("{path}/note"), json!({"text": "Lost update", "revision": 0})).await.refused("conflict");
    assert_eq!(sam.get(&format!("{path}/note")).await.ok().body["text"], "Healing well.");

    sam.post(&format!("{path}/end"), json!({})).await.ok();
    waiting.until(|event| event["phase"] == "ended").await;
    assert!(waiting.next().await.is_none(), "the stream of an ended session ends");
    patient.person.post("/api/guest/tickets", json!({})).await.refused("session-ended");

    let log = sam.get(&format!("{path}/log")).await.ok().body;
    let actions: Vec<&str> =
        log["entries"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(
        actions,
        [
            "session.create",
            "invite.create",
            "invite.open",
            "invite.redeem",
            "participant.arrive",
            "consent.grant",
            "participant.admit",
            "consent.revoke",
            "session.freeze",
            "session.unfreeze",
            "session.note",
            "session.read",
            "session.end",
            "log.read",
        ]
    );
    house.server.shutdown().await;
}

/// A guest says once whether it helped, also after the end; staff see it, and the log has it.
#[tokio::test]
async fn a_guest_says_whether_it_helped() {
    let (house, sam) = House::new().await;
    let session = sam.open_session().await;
    let (helped, not, silent) =
        (house.guest(&sam, &session).await, house.guest(&sam, &session).await, house.guest(&sam, &session).await);
    let say =
        async |who: &Device, helped: bool| who.person.post("/api/guest/feedback", json!({"helped": helped})).await;
    not.person.post("/api/guest/leave", json!({})).await.ok();
    say(&not, false).await.ok();
    sam.post(&format!("/api/sessions/{session}/end"), json!({})).await.ok();
    say(&helped, true).await.ok();
    say(&helped, false).await.refused("conflict");
    silent.person.post("/api/guest/feedback", json!({"helped": "yes"})).await.refused("malformed");
    sam.post("/api/guest/feedback", json!({"helped": true})).await.refused("not-logged-in");

    let view = sam.get(&format!("/api/sessions/{session}")).await.ok().body;
    let said = |who: &Device| {
        let everybody = view["state"]["participants"].as_array().unwrap();
        everybody.iter().find(|one| one["id"] == who.participant()).unwrap()["helped"].clone()
    };
    assert_eq!([said(&helped), said(&not), said(&silent)], [json!(true), json!(false), json!(null)]);
    let log = sam.get(&format!("/api/sessions/{session}/log")).await.ok().body;
    let entries = log["entries"].as_array().unwrap().iter().filter(|entry| entry["action"] == "guest.feedback");
    let entries: Vec<_> = entries.map(|entry| (entry["actor"].as_str().unwrap(), &entry["object"])).collect();
    assert_eq!(entries, [(not.participant(), &json!("not-helped")), (helped.participant(), &json!("helped"))]);
    house.server.shutdown().await;
}

/// Leaving ends what a guest allowed, and it stays known what that was; what they took back themselves is not in it.
#[tokio::test]
async fn consents_of_those_who_left_stay_known() {
    let (house, sam) = House::new().await;
    let session = sam.open_session().await;
    let patient = house.guest(&sam, &session).await;
    for (purpose, decision) in [
        (Purpose::Camera, Decision::Grant),
        (Purpose::Snapshots, Decision::Grant),
        (Purpose::Snapshots, Decision::Revoke),
    ] {
        patient.decide(&house, purpose, decision).await.ok();
    }
    let guest =
        async || sam.get(&format!("/api/sessions/{session}")).await.ok().body["state"]["participants"][1].clone();
    let before = guest().await;
    assert_eq!((&before["grants"], &before["grants_until_left"]), (&json!(["camera"]), &Value::Null));
    patient.person.post("/api/guest/leave", json!({})).await.ok();
    let after = guest().await;
    assert_eq!((&after["grants"], &after["grants_until_left"]), (&json!([]), &json!(["camera"])));
    sam.post(&format!("/api/sessions/{session}/end"), json!({})).await.ok();
    assert_eq!(guest().await["grants_until_left"], json!(["camera"]));
    house.server.shutdown().await;
}

/// A session with more entries than are shown at once shows the newest ones, in their order.
#[tokio::test]
async fn a_long_log_shows_its_newest_entries() {
    let (house, sam) = House::new().await;
    let session = sam.open_session().await;
    let app = house.server.app();
    let organisation = account::organisations(&mut app.store.reader().await.unwrap()).await.unwrap()[0].id;
    let mut change = app.log.change(&app.live, organisation, None).await.unwrap();
    for number in 0..1_000 {
        let note = Note {
            actor: Actor::System(Token::new("test").unwrap()),
            action: Action::SessionRead,
            object: ("test", number.to_string()),
            refused: None,
            session: Some(session.parse().unwrap()),
            details: None,
        };
        change.write(note).await.unwrap();
    }
    change.commit().await.unwrap();
    let log = sam.get(&format!("/api/sessions/{session}/log")).await.ok().body;
    let objects: Vec<&str> = log["entries"].as_array().unwrap().iter().map(|e| e["object"].as_str().unwrap()).collect();
    let expected: Vec<String> = (1..1_000).map(|number| number.to_string()).chain([session]).collect();
    assert_eq!(objects, expected);
    house.server.shutdown().await;
}

/// The export of all that verifies offline with the installation's key, entry by entry, also after a restart.
#[tokio::test]
async fn the_log_of_a_session_verifies_offline() {
    let (house, sam) = House::new().await;
    let session = sam.open_session().await;
    let patient = house.guest(&sam, &session).await;
    patient.decide(&house, Purpose::Camera, Decision::Grant).await.ok();
    let house = house.restart().await;
    let sam = house.log_in().await;
    sam.post(&format!("/api/sessions/{session}/end"), json!({})).await.ok();

    let mut export = Vec::new();
    let entries = handlens_server::export::export(house.server.app(), &mut export).await.unwrap();
    let key = handlens_audit::Key::parse(&house.server.app().log.vkey()).unwrap();
    let verdict = |bytes: &[u8]| {
        let mut verifier = handlens_audit::Verifier::new(vec![key.clone()], None);
        verifier.push(bytes);
        verifier.finish().verdict.exit_code()
    };
    assert!(entries >= 9, "{entries}");
    assert_eq!(verdict(&export), 0);
    // The control: one letter of one entry.
    let at = export.windows(12).position(|word| word == b"consent.gran").unwrap();
    export[at + 13] ^= 1;
    assert_ne!(verdict(&export), 0);
    house.server.shutdown().await;
}

/// The month turns: the old log is closed, the new one begins with its root, and both verify in one export.
#[tokio::test]
async fn a_new_month_continues_the_old_log() {
    let (house, sam) = House::new().await;
    sam.open_session().await;
    house.clock.advance_us(10 * 24 * 3600 * 1_000_000);
    let sam = house.log_in().await;
    sam.open_session().await;
    let mut export = Vec::new();
    handlens_server::export::export(house.server.app(), &mut export).await.unwrap();
    let text = String::from_utf8(export.clone()).unwrap();
    assert!(text.contains("/2026-11\"") && text.contains("/2026-12\"") && text.contains("\"origin.close\""));
    let key = handlens_audit::Key::parse(&house.server.app().log.vkey()).unwrap();
    let mut verifier = handlens_audit::Verifier::new(vec![key], None);
    verifier.push(&export);
    assert_eq!(verifier.finish().verdict.exit_code(), 0);
    house.server.shutdown().await;
}

/// A lost answer must not lock a patient out: the same key gets in again, as the same person. Another key does not, and
/// may only ask to take the place over, which the technician decides; then the old key is dead.
#[tokio::test]
async fn a_link_is_bound_to_one_device() {
    let (house, sam) = House::new().await;
    let session = sam.open_session().await;
    let secret = house.invite(&sam, &session).await;
    let first = Device::join(&house, &secret).await;
    let again = house.stranger().post("/api/invites/redeem", redeem(&secret, &first.key, NOON_US, false)).await.ok();
    assert_eq!(again.body["participant"], first.participant());

    let other = SigningKey::random().unwrap();
    house.stranger().post("/api/invites/redeem", redeem(&secret, &other, NOON_US, false)).await.refused("invite-used");
    let asks = house.stranger().post("/api/invites/redeem", redeem(&secret, &other, NOON_US, true)).await.ok().body;
    let newcomer = asks["participant"].as_str().unwrap();
    assert_ne!(newcomer, first.participant());
    first.person.get("/api/guest").await.ok();

    sam.post(&format!("/api/sessions/{session}/participants/{newcomer}/admit"), json!({})).await.ok();
    first.person.get("/api/guest").await.refused("not-logged-in");
    house
        .stranger()
        .post("/api/invites/redeem", redeem(&secret, &first.key, NOON_US, false))
        .await
        .refused("invite-used");
    house.stranger().post("/api/invites/redeem", redeem(&secret, &other, NOON_US, false)).await.ok();
    house.server.shutdown().await;
}

/// Whose link is turned off is out: their streams end at once, and nobody looks at a still of theirs or waits for a photo.
#[tokio::test]
async fn a_link_that_is_turned_off_puts_its_guest_out() {
    let (house, sam) = House::new().await;
    let session = sam.open_session().await;
    let path = format!("/api/sessions/{session}");
    let patient = house.admitted(&sam, &session).await;
    let guest = patient.participant();
    sam.post(&format!("{path}/freeze"), json!({"participant": guest, "frame_us": 77})).await.ok();
    sam.post(&format!("{path}/photos"), json!({"participant": guest})).await.ok();
    let mut events = patient.person.events("/api/guest/events").await;
    assert_eq!(events.next().await.unwrap()["frozen"]["frame_us"], 77);

    let view = sam.get(&path).await.ok().body;
    let link = view["invites"][0]["id"].as_str().unwrap();
    sam.post(&format!("{path}/invites/{link}/revoke"), json!({})).await.ok();
    while events.next().await.is_some() {}
    patient.person.get("/api/guest").await.refused("not-logged-in");
    let state = sam.get(&path).await.ok().body["state"].take();
    assert_eq!((&state["frozen"], &state["photo"]), (&json!(null), &json!(null)));
    assert_eq!(state["participants"][1]["presence"], "left");
    house.server.shutdown().await;
}

/// A second tap on the link, on another device, in the same millisecond: one of them wins, the other is told why.
#[tokio::test]
async fn a_link_is_spent_once() {
    let (house, sam) = House::new().await;
    let session = sam.open_session().await;
    let secret = house.invite(&sam, &session).await;
    let tries = (0..8).map(|_| {
        let key = SigningKey::random().unwrap();
        let (person, body) = (house.stranger(), redeem(&secret, &key, NOON_US, false));
        tokio::spawn(async move { person.post("/api/invites/redeem", body).await })
    });
    let mut won = 0;
    for answer in futures::future::join_all(tries).await {
        let answer = answer.unwrap();
        if answer.status.is_success() {
            won += 1;
        } else {
            answer.refused("invite-used");
        }
    }
    assert_eq!(won, 1);
    house.server.shutdown().await;
}

/// What is asked of links while others act on the session is done on the session as it is then: nobody is shown an older
/// one, a look is noted once, and a link is either refused or somebody's.
#[tokio::test]
async fn links_are_asked_of_the_session_as_it_is() {
    let (house, sam) = House::new().await;
    let session = sam.open_session().await;
    let path = format!("/api/sessions/{session}");
    let patient = house.guest(&sam, &session).await;
    let (first, second) = (house.invite(&sam, &session).await, house.invite(&sam, &session).await);
    let mut console = sam.events(&format!("{path}/events")).await;
    let admit = format!("{path}/participants/{}/admit", patient.participant());
    let ask = |what: &str, secret: &str| {
        let (person, path, body) = (house.stranger(), format!("/api/invites/{what}"), json!({"secret": secret}));
        async move { person.post(&path, body).await }
    };
    let looks = (0..4).flat_map(|_| [ask("peek", &first), ask("peek", &second)]);
    let again = (0..4).map(|_| ask("again", &first));
    let (admitted, looks, again) =
        futures::join!(sam.post(&admit, json!({})), futures::future::join_all(looks), futures::future::join_all(again));
    for answer in looks.into_iter().chain(again).chain([admitted]) {
        answer.ok();
    }
    let seen = console
        .until(|event| {
            let invites = event["invites"].as_array().unwrap();
            event["state"]["participants"][1]["presence"] == "admitted"
                && invites[1..].iter().all(|invite| invite["opened_us"].is_number())
                && invites[1]["again_us"].is_number()
        })
        .await;
    assert_eq!(seen["state"]["phase"], "live");
    let log = sam.get(&format!("{path}/log")).await.ok().body;
    let count = |action| log["entries"].as_array().unwrap().iter().filter(|entry| entry["action"] == action).count();
    assert_eq!((count("invite.open"), count("invite.again")), (2, 1));

    for _ in 0..5 {
        let secret = house.invite(&sam, &session).await;
        let key = SigningKey::random().unwrap();
        let (person, body) = (house.stranger(), redeem(&secret, &key, house.now_us(), false));
        let (refused, redeemed) = futures::join!(ask("refuse", &secret), person.post("/api/invites/redeem", body));
        match (refused.status.is_success(), redeemed.status.is_success()) {
            (true, false) => redeemed.refused("invite-revoked"),
            (false, true) => refused.refused("invite-used"),
            both => panic!("refused and redeemed: {both:?}"),
        }
    }
    house.server.shutdown().await;
}

/// The log says who had a lease and in which role, and that it ended, also where the server itself went down.
#[tokio::test]
async fn a_lease_is_logged_to_its_end() {
    let (house, sam) = House::new().await;
    let robin = house.colleague(Role::Admin).await;
    let session = sam.open_session().await;
    let path = format!("/api/sessions/{session}");
    robin.get(&path).await.ok();
    let mut viewers = Vec::new();
    for who in [&sam, &robin] {
        let ticket = who.post(&format!("{path}/tickets"), json!({})).await.ok().body;
        viewers.push(Viewer::join(&ticket, None).await);
    }
    let house = house.restart().await;
    let log = house.log_in().await.get(&format!("{path}/log")).await.ok().body;
    for action in ["realtime.lease", "realtime.lease_end"] {
        let entries = log["entries"].as_array().unwrap().iter().filter(|entry| entry["action"] == action);
        let mut roles: Vec<&str> = entries.map(|entry| entry["role"].as_str().unwrap()).collect();
        roles.sort_unstable();
        assert_eq!(roles, ["admin", "super_admin"], "{action}");
    }
    house.server.shutdown().await;
}

/// The first start happens once: with its secret alone, and never again, also after a restart.
#[tokio::test]
async fn the_first_start_happens_once() {
    let house = House::empty().await;
    let link = house.server.setup_link().unwrap();
    let secret = link.split_once('#').unwrap().1.to_owned();
    house
        .stranger()
        .post("/api/setup", handlens_tests::sam("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"))
        .await
        .refused("wrong-credentials");
    house.stranger().post("/api/setup", handlens_tests::sam(&secret)).await.ok();
    house.stranger().post("/api/setup", handlens_tests::sam(&secret)).await.refused("setup-closed");
    let house = house.restart().await;
    assert!(house.server.setup_link().is_none());
    house.stranger().post("/api/setup", handlens_tests::sam(&secret)).await.refused("setup-closed");
    assert_eq!(house.stranger().get("/api/setup").await.ok().body["open"], false);
    house.log_in().await.get("/api/me").await.ok();
    house.server.shutdown().await;
}

/// Logging out ends the cookie and the event streams that hang on it at once.
#[tokio::test]
async fn logging_out_ends_everything_of_the_login() {
    let (house, sam) = House::new().await;
    let session = sam.open_session().await;
    let mut console = sam.events(&format!("/api/sessions/{session}/events")).await;
    console.next().await.unwrap();
    sam.post("/api/logout", json!({})).await.ok();
    assert!(console.next().await.is_none());
    sam.get("/api/me").await.refused("not-logged-in");
    house.server.shutdown().await;
}

/// What is open ends with the login it hangs on, also when its time is over or a command beside the server ended it;
/// what hangs on another login goes on.
#[tokio::test]
async fn what_is_open_ends_with_its_login() {
    let (house, sam) = House::new().await;
    let session = sam.open_session().await;
    let path = format!("/api/sessions/{session}");
    let patient = house.admitted(&sam, &session).await;
    let mut waiting = patient.person.events("/api/guest/events").await;
    let open = async |sam: &Person| {
        let ticket = sam.post(&format!("{path}/tickets"), json!({})).await.ok().body;
        (sam.events(&format!("{path}/events")).await, Viewer::join(&ticket, None).await)
    };
    let (mut console, viewer) = open(&sam).await;
    house.clock.advance_us(LOGIN_SECONDS * 1_000_000);
    while console.next().await.is_some() {}
    viewer.closed().await;

    let sam = house.log_in().await;
    let (mut console, viewer) = open(&sam).await;
    sam.post(&format!("{path}/freeze"), json!({"participant": patient.participant(), "frame_us": 77})).await.ok();
    waiting.until(|event| event["frozen"]["frame_us"] == 77).await;
    recover(house.server.app()).await.unwrap();
    while console.next().await.is_some() {}
    viewer.closed().await;
    house.clock.advance_us((GUEST_SECONDS - LOGIN_SECONDS) * 1_000_000);
    while waiting.next().await.is_some() {}
    house.server.shutdown().await;
}

/// A lost administrator is recovered from the command line; old logins and the old password are dead, and it is logged.
#[tokio::test]
async fn a_lost_administrator_is_recovered() {
    let (house, sam) = House::new().await;
    let (account, password) = recover(house.server.app()).await.unwrap();
    assert_eq!(account.email, handlens_tests::EMAIL);
    sam.get("/api/me").await.refused("not-logged-in");
    let login = |password: &str| json!({"email": handlens_tests::EMAIL, "password": password});
    house.stranger().post("/api/login", login(handlens_tests::PASSWORD)).await.refused("wrong-credentials");
    house.stranger().post("/api/login", login(&password)).await.ok();
    house.server.shutdown().await;
}

/// A server goes down at once, also while somebody watches: the streams end, the clients come back to the next one.
#[tokio::test]
async fn going_down_does_not_wait_for_watchers() {
    let (house, sam) = House::new().await;
    let session = sam.open_session().await;
    let mut console = sam.events(&format!("/api/sessions/{session}/events")).await;
    console.next().await.unwrap();
    house.server.shutdown().await;
    assert!(console.next().await.is_none());
}

/// Whoever looks at a session that is over, or full, sees all of it and does not join.
#[tokio::test]
async fn looking_takes_no_place() {
    let (house, sam) = House::new().await;
    let [over, full, open] = [sam.open_session().await, sam.open_session().await, sam.open_session().await];
    sam.post(&format!("/api/sessions/{over}/end"), json!({})).await.ok();
    for _ in 1..PARTICIPANTS_PER_SESSION {
        house.guest(&sam, &full).await;
    }
    let robin = house.colleague(Role::Admin).await;
    for (session, people) in [(&over, 1), (&full, PARTICIPANTS_PER_SESSION)] {
        let seen = robin.get(&format!("/api/sessions/{session}")).await.ok().body;
        assert_eq!(seen["me"], Value::Null);
        assert_eq!(seen["state"]["participants"].as_array().unwrap().len(), people);
    }
    assert!(
        robin.get(&format!("/api/sessions/{open}")).await.ok().body["me"].is_string(),
        "the control: there is room"
    );
    assert!(sam.get(&format!("/api/sessions/{over}")).await.ok().body["me"].is_string(), "Sam was there");
    house.server.shutdown().await;
}
