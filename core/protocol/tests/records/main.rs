//! Every record of the wire against `tests/vectors/protocol`: read, and written again the same.
//!
//! The files are the console's too (`console/src/wire/records.test.ts`), so no side changes a record by itself.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod names;
mod spelling;
mod table;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use handlens_protocol::{Kind, Problem};
use serde::Deserialize;
use serde_json::Value;

use table::{PARTS, RECORDS, Record};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    records: Vec<Entry>,
    parts: Vec<Part>,
    words: BTreeMap<String, Vec<String>>,
}

/// One record as it travels.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(rename = "type")]
    name: String,
    what: String,
    json: Value,
}

/// A record inside another one: keys from the outer one on, `*` for every item of an array.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    #[serde(rename = "type")]
    name: String,
    of: String,
    at: String,
}

fn file() -> File {
    serde_json::from_str(include_str!("../../../../tests/vectors/protocol/records.json")).unwrap()
}

fn reader(name: &str) -> &'static Record {
    let known = RECORDS.iter().find(|record| record.name == name);
    known.unwrap_or_else(|| panic!("nobody reads a {name}"))
}

/// Every entry is read and written again, value by value; every type has an entry, and no entry has another type.
#[test]
fn a_record_comes_back_as_it_was() {
    let file = file();
    assert_eq!(file.records.len(), 89);
    for Entry { name, what, json } in &file.records {
        assert_eq!((reader(name).back)(json).as_ref(), Some(json), "{name}: {what}");
    }
    let there: BTreeSet<&str> = file.records.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(there, RECORDS.iter().map(|record| record.name).collect());
}

/// A browser writes `1` where Rust writes `1.0`: it means the same.
#[test]
fn a_whole_number_needs_no_point() {
    let mut without = 0;
    for Entry { name, what, json } in file().records {
        let browsers = as_in_a_browser(&json);
        without += usize::from(browsers != json);
        assert_eq!((reader(&name).back)(&browsers), Some(json), "{name}: {what}");
    }
    assert!(without >= 8);
}

/// The control: any key under another name, at any depth, is refused or does not come back.
#[test]
fn a_renamed_field_is_told() {
    let mut renamed = 0;
    for Entry { name, what, json } in file().records {
        for changed in with_one_key_renamed(&json) {
            renamed += 1;
            assert_ne!((reader(&name).back)(&changed), Some(changed), "{name}: {what}");
        }
    }
    assert!(renamed > 900, "{renamed}");
}

/// The records of the file have every field of their type between them: a new field needs a new entry.
#[test]
fn no_field_is_left_out() {
    let file = file();
    for record in RECORDS {
        let entries = file.records.iter().filter(|entry| entry.name == record.name);
        assert_eq!(keys(entries.map(|entry| &entry.json)), sorted((record.fields)()), "{}", record.name);
    }
    let parts: Vec<&str> = file.parts.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(parts, PARTS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    for (Part { name, of, at }, (_, fields)) in file.parts.iter().zip(PARTS) {
        let outer = file.records.iter().filter(|entry| entry.name == *of);
        let inner = outer.flat_map(|entry| inside(&entry.json, at));
        assert_eq!(keys(inner), sorted(fields()), "{name}");
    }
}

/// A key that may be missing is missing in an entry; without any other key nothing is read, or nothing the same.
#[test]
fn what_may_be_missing_is_missing_once() {
    let file = file();
    for record in RECORDS {
        let all: Vec<&Value> = file.records.iter().filter(|entry| entry.name == record.name).map(|e| &e.json).collect();
        for key in (record.fields)() {
            let without = all.iter().filter_map(|json| {
                let mut rest = (*json).clone();
                rest.as_object_mut().unwrap().remove(*key).map(|_| rest)
            });
            let may_be_missing = without.into_iter().any(|rest| (record.back)(&rest) == Some(rest));
            let is_missing = all.iter().any(|json| json.get(key).is_none());
            assert_eq!(is_missing, may_be_missing, "{}: {key}", record.name);
        }
    }
}

/// A code has its status and title for ever, and there is none without an entry.
#[test]
fn a_problem_has_one_form() {
    let file = file();
    let problems = file.records.iter().filter(|entry| entry.name == "Problem");
    let problems: Vec<Problem> = problems.map(|entry| serde_json::from_value(entry.json.clone()).unwrap()).collect();
    assert_eq!(problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), Kind::ALL);
    for problem in problems {
        let made = Problem { host: problem.host.clone(), ..Problem::new(problem.code, &problem.detail) };
        assert_eq!(made, problem);
    }
}

/// The keys that the objects have between them.
fn keys<'a>(objects: impl Iterator<Item = &'a Value>) -> Vec<String> {
    let keys: BTreeSet<String> = objects.flat_map(|object| object.as_object().unwrap().keys().cloned()).collect();
    keys.into_iter().collect()
}

fn sorted(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>().into_iter().collect()
}

/// What lies at `path`; nothing where an optional key is missing.
fn inside<'a>(value: &'a Value, path: &str) -> Vec<&'a Value> {
    path.split('/').fold(vec![value], |values, key| {
        let step = |value: &'a Value| match key {
            "*" => value.as_array().unwrap().iter().collect(),
            key => value.get(key).into_iter().collect::<Vec<_>>(),
        };
        values.into_iter().flat_map(step).collect()
    })
}

/// The same with every whole number written without a point.
fn as_in_a_browser(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(as_in_a_browser).collect(),
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), as_in_a_browser(value))).collect(),
        Value::Number(number) => {
            let whole = number.as_f64().filter(|value| number.is_f64() && value.fract() == 0.0);
            whole.map_or_else(|| value.clone(), |whole| serde_json::from_str(&format!("{whole}")).unwrap())
        }
        Value::Null | Value::Bool(_) | Value::String(_) => value.clone(),
    }
}

/// The same once for each key in it, with that key under another name.
fn with_one_key_renamed(value: &Value) -> Vec<Value> {
    let mut all = vec![];
    if let Value::Object(fields) = value {
        for (key, inner) in fields {
            let mut renamed = fields.clone();
            renamed.remove(key);
            renamed.insert(format!("{key}_"), inner.clone());
            all.push(Value::Object(renamed));
            for changed in with_one_key_renamed(inner) {
                let mut outer = fields.clone();
                outer.insert(key.clone(), changed);
                all.push(Value::Object(outer));
            }
        }
    }
    if let Value::Array(items) = value {
        for (at, inner) in items.iter().enumerate() {
            for changed in with_one_key_renamed(inner) {
                let mut outer = items.clone();
                outer[at] = changed;
                all.push(Value::Array(outer));
            }
        }
    }
    all
}
