//! Marks: committed once, bounded, taken away by whoever drew them, and every step in the log.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops where it fails")]

use std::collections::HashMap;

use data_encoding::BASE64URL_NOPAD;
use handlens_audit::{Action, Actor, Token};
use handlens_protocol::limits::BODY_BYTES;
use handlens_protocol::mark::{FREEHAND_POINTS, MARKS, MARKS_PER_SESSION, MarkSet, PATCH_SIDE, SET_BYTES};
use handlens_protocol::{MarkId, OrganisationId, Role, SessionId};
use handlens_server::audit::Note;
use handlens_server::relay::Marks;
use handlens_server::{mark, store};
use handlens_tests::{Answer, Device, House, Person, arrow};
use serde_json::{Value, json};

/// A session with a camera, and who holds it.
struct Scene {
    house: House,
    sam: Person,
    session: String,
    patient: Device,
    camera: String,
}

impl Scene {
    async fn new() -> Self {
        let (house, sam) = House::new().await;
        let session = sam.open_session().await;
        let patient = house.admitted(&sam, &session).await;
        let camera = patient.participant().to_owned();
        Self { house, sam, session, patient, camera }
    }

    fn path(&self, rest: &str) -> String {
        format!("/api/sessions/{}{rest}", self.session)
    }

    async fn undo(&self, who: &Person, mark: &str) -> Answer {
        who.post(&self.path("/marks/undo"), json!({"mark": mark})).await
    }

    async fn commit(&self, mark: &Value) -> Answer {
        self.sam.post(&self.path("/marks"), mark.clone()).await
    }

    /// The set as it goes to the realtime plane: the marks' ids, and its revision.
    async fn shown(&self) -> (Vec<String>, u64) {
        let app = self.house.server.app();
        let (organisation, session) = (self.organisation(), self.session.parse().unwrap());
        let mut db = app.store.reader().await.unwrap();
        let Marks { revision, json, .. } = mark::whole(app, &mut db, organisation, session).await.unwrap();
        let set: MarkSet = serde_json::from_slice(&json).unwrap();
        assert_eq!((set.v, set.revision), (1, revision));
        let there = self.on_the_plane();
        assert!(there.is_none_or(|there| there == revision), "{there:?}, not {revision}");
        (set.marks.iter().map(|mark| mark.id.to_string()).collect(), revision)
    }

    /// What the realtime plane shows everybody, and each camera's device.
    async fn texts(&self) -> (String, HashMap<String, String>) {
        let app = self.house.server.app();
        let mut db = app.store.reader().await.unwrap();
        let marks = mark::whole(app, &mut db, self.organisation(), self.session.parse().unwrap()).await.unwrap();
        let text = |json: &[u8]| String::from_utf8(json.to_vec()).unwrap();
        let cameras = marks.cameras.iter().map(|(camera, json)| (camera.to_string(), text(json)));
        (text(&marks.json), cameras.collect())
    }

    fn organisation(&self) -> OrganisationId {
        self.patient.view["organisation"].as_str().unwrap().parse().unwrap()
    }

    /// The revision of the marks that the relay shows.
    fn on_the_plane(&self) -> Option<u64> {
        let session: SessionId = self.session.parse().unwrap();
        self.house.server.app().live.relay().unwrap().marks_revision(self.organisation(), session)
    }

    /// What the log says of marks: action and object.
    async fn entries(&self) -> Vec<(String, String)> {
        let log = self.sam.get(&self.path("/log")).await.ok().body;
        let word = |entry: &Value, name: &str| entry[name].as_str().unwrap().to_owned();
        let entries = log["entries"].as_array().unwrap().iter();
        let entries = entries.map(|entry| (word(entry, "action"), word(entry, "object")));
        entries.filter(|(action, _)| action.starts_with("mark.")).collect()
    }
}

fn id(mark: &Value) -> String {
    mark["id"].as_str().unwrap().to_owned()
}

/// A freehand line as long and a patch as large as allowed, every number as long as a browser writes it.
fn largest(camera: &str) -> Value {
    let (near, far) = (1.0 / 3e7, 1.0 / 3.0);
    let points = vec![json!({"x": near, "y": far}); FREEHAND_POINTS];
    let side = usize::from(PATCH_SIDE);
    let corner = |value: f64| json!({"x": value, "y": value});
    let mut mark = arrow(camera);
    mark["capture_us"] = json!(u64::MAX);
    mark["geometry"] = json!({"kind": "freehand", "points": points});
    mark["patch"] = json!({
        "from": corner(near), "to": corner(far),
        "width": side, "height": side, "grey": BASE64URL_NOPAD.encode(&vec![201; side * side]),
    });
    mark
}

/// A mark is answered as it is kept; the same again has the same answer and is one mark and one entry, also when it was
/// undone meanwhile; another one under its id is refused, in this session and in another.
#[tokio::test]
async fn a_mark_is_committed_once() {
    let scene = Scene::new().await;
    let mark = arrow(&scene.camera);
    let mut ticket = scene.sam.post(&scene.path("/tickets"), json!({})).await.ok();
    assert!(ticket.body["ticket"].take().is_string());
    assert_eq!(scene.shown().await, (vec![], 0));
    let kept = scene.commit(&mark).await.ok().body;
    assert_eq!((&kept["id"], &kept["camera"], &kept["v"]), (&mark["id"], &mark["camera"], &json!(1)));
    assert_eq!((&kept["geometry"], &kept["style"]), (&mark["geometry"], &mark["style"]));
    let view = scene.sam.get(&scene.path("")).await.ok().body;
    assert_eq!((&kept["author"], &view["state"]["participants"][0]["id"]), (&view["me"], &view["me"]));
    let (marks, revision) = scene.shown().await;
    assert_eq!(marks, [id(&mark)]);
    assert_eq!(view["state"]["revision"], revision);

    assert_eq!(scene.commit(&mark).await.ok().body, kept);
    let mut other = mark.clone();
    other["style"]["colour"] = json!("pink");
    scene.commit(&other).await.refused("conflict");
    let elsewhere = scene.sam.open_session().await;
    let camera = scene.house.admitted(&scene.sam, &elsewhere).await;
    let foreign = format!("/api/sessions/{elsewhere}/marks");
    scene.sam.post(&foreign, mark.clone()).await.refused("conflict");
    let mut moved = mark.clone();
    moved["camera"] = json!(camera.participant());
    scene.sam.post(&foreign, moved).await.refused("conflict");
    assert_eq!(scene.shown().await, (vec![id(&mark)], revision));

    scene.undo(&scene.sam, &id(&mark)).await.ok();
    assert_eq!(scene.commit(&mark).await.ok().body, kept, "an answer that was lost, asked for again");
    assert_eq!(scene.shown().await.0, Vec::<String>::new());
    let done = [("mark.commit", id(&mark)), ("mark.undo", id(&mark))];
    assert_eq!(scene.entries().await, done.map(|(action, object)| (action.to_owned(), object)));
    scene.house.server.shutdown().await;
}

/// What the author of a mark saw of a patient goes to the device of that camera and to no other guest, and when the mark is
/// gone, that is told there too.
#[tokio::test]
async fn a_patch_is_for_its_own_camera() {
    let scene = Scene::new().await;
    let other = scene.house.admitted(&scene.sam, &scene.session).await;
    let (ours, theirs) = (largest(&scene.camera), arrow(other.participant()));
    for mark in [&ours, &theirs] {
        scene.commit(mark).await.ok();
    }
    let (json, cameras) = scene.texts().await;
    assert!(json.contains(&id(&ours)) && json.contains(&id(&theirs)) && !json.contains("grey"));
    assert!(cameras[&scene.camera].contains("grey") && cameras[&scene.camera].contains(&id(&ours)));
    let their_own = &cameras[other.participant()];
    assert!(their_own.contains(&id(&theirs)) && !their_own.contains(&id(&ours)) && !their_own.contains("grey"));
    scene.undo(&scene.sam, &id(&ours)).await.ok();
    assert!(scene.texts().await.1[&scene.camera].contains(r#""marks":[]"#));

    for (device, camera) in [(&scene.patient, &scene.camera), (&other, &other.participant().to_owned())] {
        let ticket = device.person.post("/api/guest/tickets", json!({})).await.ok().body;
        let own = ticket["subscribe"].as_array().unwrap().iter().map(|path| path.as_str().unwrap());
        let own: Vec<_> = own.filter(|path| path.ends_with("/marks")).collect();
        assert_eq!(own, [format!("{}/{}/{camera}/marks", scene.organisation(), scene.session)]);
    }
    scene.house.server.shutdown().await;
}

/// What cannot be is refused with a code that stays, and nothing has changed: no mark, no entry.
#[tokio::test]
async fn a_mark_that_cannot_be_changes_nothing() {
    let scene = Scene::new().await;
    let waiting = scene.house.guest(&scene.sam, &scene.session).await;
    let elsewhere = scene.sam.open_session().await;
    let foreign = scene.house.admitted(&scene.sam, &elsewhere).await;
    let me = scene.sam.get(&scene.path("")).await.ok().body["me"].clone();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut mark = largest(&scene.camera);
        change(&mut mark);
        mark
    };
    let point = json!({"x": 0.5, "y": 0.5});
    let far = |x: f64| json!({"kind": "point", "at": {"x": x, "y": 0.5}});
    let cases = [
        (with(&|mark| mark["camera"] = json!(waiting.participant())), "invalid"),
        (with(&|mark| mark["camera"] = json!(foreign.participant())), "invalid"),
        (with(&|mark| mark["camera"] = me.clone()), "invalid"),
        (with(&|mark| mark["camera"] = json!("par_00000000000000000000000000")), "invalid"),
        (with(&|mark| mark["camera"] = json!("sam")), "malformed"),
        (with(&|mark| mark["id"] = json!("mrk_7")), "malformed"),
        (with(&|mark| mark["author"] = me.clone()), "malformed"),
        (with(&|mark| mark["capture_us"] = json!(-1)), "malformed"),
        (with(&|mark| mark["geometry"] = far(1.01)), "invalid"),
        (with(&|mark| mark["geometry"] = far(-0.01)), "invalid"),
        (with(&|mark| mark["geometry"] = far(1e39)), "invalid"),
        (with(&|mark| mark["geometry"] = json!({"kind": "text", "at": point})), "malformed"),
        (with(&|mark| mark["geometry"]["points"] = json!([point])), "invalid"),
        (with(&|mark| mark["geometry"]["points"] = json!(vec![&point; FREEHAND_POINTS + 1])), "invalid"),
        (with(&|mark| mark["style"]["width"] = json!(0.06)), "invalid"),
        (with(&|mark| mark["style"]["colour"] = json!("red")), "malformed"),
        (with(&|mark| mark["patch"]["width"] = json!(PATCH_SIDE - 1)), "invalid"),
        (with(&|mark| mark["patch"]["from"] = mark["patch"]["to"].clone()), "invalid"),
        (with(&|mark| mark["patch"]["grey"] = json!("A".repeat(22_000))), "malformed"),
        (with(&|mark| mark["patch"]["grey"] = json!("?")), "malformed"),
        (with(&|mark| mark["wish"] = json!("A".repeat(BODY_BYTES))), "too-large"),
    ];
    let before = scene.shown().await;
    for (at, (mark, code)) in cases.into_iter().enumerate() {
        println!("case {at}");
        scene.commit(&mark).await.refused(code);
    }
    assert_eq!((scene.shown().await, scene.entries().await), (before, vec![]));
    // The control: the largest there can be fits the body, and is taken.
    let largest = largest(&scene.camera);
    assert!(largest.to_string().len() > 45_000 && largest.to_string().len() < BODY_BYTES);
    scene.commit(&largest).await.ok();

    scene.sam.post(&scene.path("/end"), json!({})).await.ok();
    for rest in ["/marks", "/marks/clear"] {
        scene.sam.post(&scene.path(rest), arrow(&scene.camera)).await.refused("session-ended");
    }
    scene.undo(&scene.sam, &id(&largest)).await.refused("session-ended");
    scene.house.server.shutdown().await;
}

/// A session shows so many marks and so many bytes of them, and says what to do when there are more.
#[tokio::test]
async fn marks_are_bounded() {
    let scene = Scene::new().await;
    let marks: Vec<Value> = (0..MARKS).map(|_| arrow(&scene.camera)).collect();
    for mark in &marks {
        scene.commit(mark).await.ok();
    }
    let more = arrow(&scene.camera);
    scene.commit(&more).await.refused("conflict");
    assert_eq!(scene.shown().await.0.len(), MARKS);
    scene.undo(&scene.sam, &id(&marks[0])).await.ok();
    scene.commit(&more).await.ok();

    let gone = scene.sam.post(&scene.path("/marks/clear"), json!({})).await.ok().body;
    assert_eq!(gone["marks"].as_array().unwrap().len(), MARKS);
    assert_eq!(scene.shown().await.0, Vec::<String>::new());
    let each = scene.commit(&largest(&scene.camera)).await.ok().body.to_string().len();
    let mut taken = 1;
    let refused = loop {
        let answer = scene.commit(&largest(&scene.camera)).await;
        if !answer.status.is_success() {
            break answer;
        }
        taken += 1;
    };
    refused.refused("too-large");
    assert!(taken * each < SET_BYTES && (taken + 2) * each > SET_BYTES, "{taken} of {each} bytes");
    assert_eq!(scene.shown().await.0.len(), taken);
    scene.house.server.shutdown().await;
}

/// What is undone keeps its row, so there is an end to drawing and undoing as well.
#[tokio::test]
async fn marks_that_are_gone_are_bounded() {
    let scene = Scene::new().await;
    let mark = arrow(&scene.camera);
    scene.commit(&mark).await.ok();
    let app = scene.house.server.app();
    let mut change = app.log.change(&app.live, scene.organisation(), None).await.unwrap();
    let drawn = store::mark::find(change.db(), id(&mark).parse().unwrap()).await.unwrap().unwrap();
    for _ in 1..MARKS_PER_SESSION - 1 {
        let gone = store::mark::Mark { id: MarkId::random().unwrap(), ..drawn.clone() };
        store::mark::add(change.db(), &gone).await.unwrap();
        store::mark::set_gone(change.db(), gone.id, 1, gone.revision).await.unwrap();
    }
    let (actor, object) = (Actor::System(Token::new("test").unwrap()), ("session", scene.session.clone()));
    let note = Note { actor, action: Action::MarkClear, object, refused: None, session: None, details: None };
    change.write(note).await.unwrap();
    change.commit().await.unwrap();
    let last = arrow(&scene.camera);
    scene.commit(&last).await.ok();
    scene.undo(&scene.sam, &id(&last)).await.ok();
    scene.commit(&arrow(&scene.camera)).await.refused("conflict");
    scene.commit(&last).await.ok();
    scene.house.server.shutdown().await;
}

/// Undo takes the mark it names, once, however often it is asked; clear takes all of mine; nobody takes another's, a guest
/// and a stranger nothing at all; where nothing goes there is no entry. The log with all of it verifies.
#[tokio::test]
async fn everybody_takes_away_their_own() {
    let scene = Scene::new().await;
    let robin = scene.house.colleague(Role::Admin).await;
    let ids = |answer: Answer| {
        let gone = answer.ok().body["marks"].as_array().unwrap().clone();
        gone.iter().map(|id| id.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let undo = async |who: &Person, mark: &str| ids(scene.undo(who, mark).await);
    let clear = async |who: &Person| ids(who.post(&scene.path("/marks/clear"), json!({})).await);
    let none = Vec::<String>::new();
    assert_eq!(clear(&robin).await, none);
    let marks: Vec<Value> = (0..5).map(|_| arrow(&scene.camera)).collect();
    for (at, mark) in marks.iter().enumerate() {
        let who = if at % 2 == 0 { &scene.sam } else { &robin };
        who.post(&scene.path("/marks"), mark.clone()).await.ok();
    }
    robin.post(&scene.path("/marks"), marks[0].clone()).await.refused("conflict");
    let [a, b, c, d, e] = [0, 1, 2, 3, 4].map(|at| id(&marks[at]));
    assert_eq!(scene.shown().await.0, [&a, &b, &c, &d, &e].map(String::clone));
    assert_eq!(undo(&robin, &d).await, [d.as_str()]);
    assert_eq!(undo(&robin, &d).await, [d.as_str()], "an answer that was lost, asked for again");
    assert_eq!(scene.shown().await.0, [&a, &b, &c, &e].map(String::clone));
    assert_eq!(undo(&robin, &b).await, [b.as_str()]);
    scene.undo(&robin, &a).await.refused("not-found");
    scene.undo(&scene.sam, &b).await.refused("not-found");
    scene.undo(&robin, &id(&arrow(&scene.camera))).await.refused("not-found");
    let elsewhere = scene.sam.open_session().await;
    let foreign = scene.sam.post(&format!("/api/sessions/{elsewhere}/marks/undo"), json!({"mark": a})).await;
    foreign.refused("not-found");
    scene.sam.post(&scene.path("/marks/undo"), json!({})).await.refused("malformed");
    assert_eq!(clear(&robin).await, none);
    assert_eq!(undo(&scene.sam, &e).await, [e.as_str()]);
    assert_eq!(scene.shown().await.0, [&a, &c].map(String::clone));
    let patient = scene.house.guest(&scene.sam, &scene.session).await;
    let bodies = [("/marks", arrow(&scene.camera)), ("/marks/undo", json!({"mark": a})), ("/marks/clear", json!({}))];
    for (path, body) in bodies {
        patient.person.post(&scene.path(path), body.clone()).await.refused("not-logged-in");
        scene.house.stranger().post(&scene.path(path), body.clone()).await.refused("not-logged-in");
        let nowhere = format!("/api/sessions/ses_00000000000000000000000000{path}");
        scene.sam.post(&nowhere, body).await.refused("not-found");
    }
    assert_eq!(clear(&scene.sam).await, [a.clone(), c.clone()]);
    assert_eq!(scene.shown().await.0, none);

    let entry = |action: &str, object: &String| (format!("mark.{action}"), object.clone());
    let commits = [&a, &b, &c, &d, &e].map(|id| entry("commit", id)).to_vec();
    let undone = vec![entry("undo", &d), entry("undo", &b), entry("undo", &e), entry("clear", &scene.session)];
    assert_eq!(scene.entries().await, [commits, undone].concat());
    let mut export = Vec::new();
    handlens_server::export::export(scene.house.server.app(), &mut export).await.unwrap();
    let key = handlens_audit::Key::parse(&scene.house.server.app().log.vkey()).unwrap();
    let mut verifier = handlens_audit::Verifier::new(vec![key], None);
    verifier.push(&export);
    assert_eq!(verifier.finish().verdict.exit_code(), 0);
    scene.house.server.shutdown().await;
}

/// The server comes back and shows what was drawn before, with the next ticket; somebody new on the staff is seen by
/// those who are there at once.
#[tokio::test]
async fn marks_and_people_are_shown_to_who_is_there() {
    let scene = Scene::new().await;
    let marks = [arrow(&scene.camera), arrow(&scene.camera)];
    for mark in &marks {
        scene.commit(mark).await.ok();
    }
    let before = scene.shown().await;
    assert_eq!(before.0, [id(&marks[0]), id(&marks[1])]);
    let Scene { house, session, mut patient, camera, .. } = scene;
    let house = house.restart().await;
    patient.person =
        Person::with_cookie(&house.server.url().origin().ascii_serialization(), patient.person.cookie().unwrap());
    let scene = Scene { sam: house.log_in().await, house, session, patient, camera };
    assert_eq!(scene.on_the_plane(), None);
    scene.sam.post(&scene.path("/tickets"), json!({})).await.ok();
    assert_eq!((scene.on_the_plane(), scene.shown().await), (Some(before.1), before));

    let mut console = scene.sam.events(&scene.path("/events")).await;
    assert_eq!(console.next().await.unwrap()["state"]["participants"].as_array().unwrap().len(), 2);
    let robin = scene.house.colleague(Role::Admin).await;
    robin.post(&scene.path("/marks"), arrow(&scene.camera)).await.ok();
    let robin = |event: &Value| {
        let everybody = event["state"]["participants"].as_array().unwrap();
        everybody.iter().find(|who| who["name"] == "Robin").map(|who| who["id"].as_str().unwrap().to_owned())
    };
    let seen = robin(&console.until(|event| robin(event).is_some()).await).unwrap();
    // What the patient may read now names both.
    let ticket = scene.patient.person.post("/api/guest/tickets", json!({})).await.ok().body;
    let subscribe = ticket["subscribe"].as_array().unwrap();
    assert!(subscribe.iter().any(|path| path.as_str().unwrap().ends_with(&format!("/{seen}/data"))), "{subscribe:?}");
    scene.sam.post(&scene.path("/end"), json!({})).await.ok();
    assert_eq!(scene.on_the_plane(), None);
    scene.house.server.shutdown().await;
}
