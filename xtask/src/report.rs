//! What `demo --check` must have shown, stage by stage. A stage that is not built yet is missing here, and fails.

use std::path::Path;

use serde_json::Value;

/// One line of the report: where it stands, which part of the product it speaks of, and when it holds.
struct Line {
    pointer: &'static str,
    part: &'static str,
    holds: fn(&Value) -> bool,
}

const LINES: &[Line] = &[
    line("/join_ms", "a patient joins", number),
    line("/first_frame_ms", "the first picture is painted", number),
    line("/capture_to_shown_ms/p50", "the picture is live", number),
    line("/capture_to_shown_ms/p95", "the picture is live", number),
    line("/frames", "every frame is accounted for: sent = shown + dropped", frames_add_up),
    line("/mark_error_px/with_poses/p50", "marks follow by poses, to a pixel", |px| below(px, 1.0)),
    line("/mark_error_px/with_poses/p95", "marks follow by poses, to a pixel", |px| below(px, 1.0)),
    line("/mark_error_px/without_poses/p50", "marks follow by sight alone, to 1.5 pixels", |px| below(px, 1.5)),
    line("/mark_error_px/without_poses/p95", "marks follow by sight alone, to 1.5 pixels", |px| below(px, 1.5)),
    line("/marks/with_poses/tracked", "marks are tracked by poses", positive),
    line("/marks/without_poses/tracked", "marks are tracked by sight alone", positive),
    line("/marks/with_poses/never_tracked", "every mark is tracked by poses", zero),
    line("/marks/without_poses/never_tracked", "every mark is tracked by sight alone", zero),
    line("/wrong_while_tracked", "no mark points at the wrong thing", zero),
    line("/snapshot/bytes", "a snapshot arrives", positive),
    line("/snapshot/sha256_match", "the snapshot is the one that was taken", yes),
    line("/snapshot/receipt_verified", "the snapshot's receipt is signed", yes),
    line("/audit/entries", "the log has entries", positive),
    line("/audit/verified", "the log verifies offline", yes),
    line("/screens", "every step has a picture", pictures),
];

/// What the report lacks or what does not hold in it, a sentence each. Empty: the whole line was shown.
pub(crate) fn missing(report: &Value) -> Vec<String> {
    let sentence = |line: &Line| match report.pointer(line.pointer) {
        None | Some(Value::Null) => Some(format!("{}: {} is not reported", line.part, line.pointer)),
        Some(value) if !(line.holds)(value) => Some(format!("{}: {} is {value}", line.part, line.pointer)),
        Some(_) => None,
    };
    LINES.iter().filter_map(sentence).collect()
}

const fn line(pointer: &'static str, part: &'static str, holds: fn(&Value) -> bool) -> Line {
    Line { pointer, part, holds }
}

fn number(value: &Value) -> bool {
    value.as_f64().is_some_and(|number| number.is_finite() && number >= 0.0)
}

fn below(value: &Value, most: f64) -> bool {
    number(value) && value.as_f64() <= Some(most)
}

fn positive(value: &Value) -> bool {
    value.as_u64().is_some_and(|number| number > 0)
}

fn zero(value: &Value) -> bool {
    value.as_u64() == Some(0)
}

fn yes(value: &Value) -> bool {
    value.as_bool() == Some(true)
}

fn frames_add_up(frames: &Value) -> bool {
    let of = |name: &str| frames[name].as_u64();
    match (of("sent"), of("shown"), of("dropped")) {
        (Some(sent), Some(shown), Some(dropped)) => shown > 0 && shown.checked_add(dropped) == Some(sent),
        _ => false,
    }
}

fn pictures(screens: &Value) -> bool {
    let is_file = |path: &Value| path.as_str().is_some_and(|path| Path::new(path).is_file());
    screens.as_array().is_some_and(|screens| !screens.is_empty() && screens.iter().all(is_file))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn whole(picture: &Path) -> Value {
        let spread = json!({"p50": 0.4, "p95": 0.9});
        let marks = json!({"tracked": 9, "never_tracked": 0});
        json!({
            "join_ms": 210, "first_frame_ms": 480, "capture_to_shown_ms": spread,
            "frames": {"sent": 100, "shown": 98, "dropped": 2},
            "mark_error_px": {"with_poses": spread, "without_poses": spread}, "wrong_while_tracked": 0,
            "marks": {"with_poses": marks, "without_poses": marks},
            "snapshot": {"bytes": 312_000, "sha256_match": true, "receipt_verified": true},
            "audit": {"entries": 41, "verified": true}, "screens": [picture],
        })
    }

    /// A report with everything in it holds.
    #[test]
    fn a_whole_line_holds() {
        let folder = tempfile::tempdir().expect("a folder");
        let picture = folder.path().join("01-login.png");
        std::fs::write(&picture, "png").expect("written");
        assert_eq!(missing(&whole(&picture)), Vec::<String>::new());
    }

    /// The negative control: a report of nothing lacks every line, and each kind of untruth is found.
    #[test]
    fn a_line_that_must_fail_fails() {
        assert_eq!(missing(&json!({})).len(), LINES.len());
        let folder = tempfile::tempdir().expect("a folder");
        let picture = folder.path().join("01-login.png");
        std::fs::write(&picture, "png").expect("written");
        for (pointer, value) in [
            ("/join_ms", json!(null)),
            ("/frames/dropped", json!(1)),
            ("/wrong_while_tracked", json!(1)),
            ("/mark_error_px/with_poses/p95", json!(1.1)),
            ("/mark_error_px/without_poses/p95", json!(300)),
            ("/marks/with_poses/tracked", json!(0)),
            ("/marks/without_poses/never_tracked", json!(1)),
            ("/snapshot/sha256_match", json!(false)),
            ("/audit/verified", json!("yes")),
            ("/screens", json!([folder.path().join("none.png")])),
        ] {
            let mut report = whole(&picture);
            *report.pointer_mut(pointer).expect("a line of the report") = value;
            assert_eq!(missing(&report).len(), 1, "{pointer}");
        }
    }
}
