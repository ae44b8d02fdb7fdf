//! What the test runners say at their end, as numbers.

use std::ops::AddAssign;

/// How many tests passed, failed, and were not run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Ran and held.
    pub(crate) passed: u64,
    /// Ran and did not hold, or could not be run to its end.
    pub(crate) failed: u64,
    /// Not run.
    pub(crate) skipped: u64,
}

impl Counts {
    /// All tests that were looked at.
    pub(crate) fn total(self) -> u64 {
        self.passed + self.failed + self.skipped
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// A test runner's manner of speaking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runner {
    /// `cargo test`: one `test result:` line for each test binary.
    Libtest,
    /// `node --test`: `pass 3`, `fail 0`, … each on a line, after `ℹ` (spec) or `#` (TAP).
    Node,
    /// vitest: `Tests  1 failed | 12 passed (13)`.
    Vitest,
}

impl Runner {
    /// What this line adds to the count; nothing, for most lines.
    pub(crate) fn read(self, line: &str) -> Counts {
        let line = without_colour(line);
        match self {
            Self::Libtest => libtest(&line),
            Self::Node => node(&line),
            Self::Vitest => vitest(&line),
        }
        .unwrap_or_default()
    }
}

fn libtest(line: &str) -> Option<Counts> {
    let (_, figures) = line.strip_prefix("test result: ")?.split_once(". ")?;
    Some(sum(figures.split("; ")))
}

fn node(line: &str) -> Option<Counts> {
    let figure = line.strip_prefix("ℹ ").or_else(|| line.strip_prefix("# "))?;
    let (word, number) = figure.split_once(' ')?;
    Some(count(number.parse().ok()?, word))
}

fn vitest(line: &str) -> Option<Counts> {
    let figures = line.trim_start().strip_prefix("Tests ")?;
    let (figures, _) = figures.split_once('(')?;
    Some(sum(figures.split('|')))
}

/// Adds up `3 passed`, `1 failed`, …; what is not a figure counts nothing.
fn sum<'a>(figures: impl Iterator<Item = &'a str>) -> Counts {
    let mut total = Counts::default();
    for figure in figures {
        if let Some((number, word)) = figure.trim().split_once(' ')
            && let Ok(number) = number.parse()
        {
            total += count(number, word);
        }
    }
    total
}

fn count(number: u64, word: &str) -> Counts {
    let none = Counts::default();
    match word {
        "passed" | "pass" => Counts { passed: number, ..none },
        "failed" | "fail" | "cancelled" => Counts { failed: number, ..none },
        "ignored" | "skipped" | "todo" => Counts { skipped: number, ..none },
        _ => none,
    }
}

/// The line without ANSI colour sequences (`ESC [ … letter`).
fn without_colour(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = after.find(|c: char| c.is_ascii_alphabetic()).map_or("", |end| &after[end + 1..]);
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(passed: u64, failed: u64, skipped: u64) -> Counts {
        Counts { passed, failed, skipped }
    }

    fn all(runner: Runner, text: &str) -> Counts {
        let mut total = Counts::default();
        text.lines().for_each(|line| total += runner.read(line));
        total
    }

    /// Each test binary's result is added; ignored tests are skipped ones; filtered ones were not asked for.
    #[test]
    fn libtest_lines_add_up() {
        let text = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.00s\n\
                    test a ... ok\n\
                    test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s";
        assert_eq!(all(Runner::Libtest, text), counts(5, 1, 1));
    }

    /// Both of node's reporters are understood; a cancelled test is a failed one; an indented line is somebody's output.
    #[test]
    fn node_summaries_add_up() {
        let spec = "✔ a link is spent once (12ms)\nℹ tests 6\nℹ suites 0\nℹ pass 3\nℹ fail 1\nℹ cancelled 1\nℹ skipped 0\nℹ todo 1\n  ℹ pass 9";
        assert_eq!(all(Runner::Node, spec), counts(3, 2, 1));
        assert_eq!(all(Runner::Node, "# pass 2\n# fail 0\n# duration_ms 31.2"), counts(2, 0, 0));
    }

    /// vitest's line is understood in colour, and the line about files is not taken for the one about tests.
    #[test]
    fn vitest_summaries_add_up() {
        let text = " Test Files  1 failed | 2 passed (3)\n\u{1b}[2m      Tests \u{1b}[22m \u{1b}[31m1 failed\u{1b}[39m | \u{1b}[32m12 passed\u{1b}[39m | 2 skipped (15)";
        assert_eq!(all(Runner::Vitest, text), counts(12, 1, 2));
    }

    /// Lines that only look like figures count nothing, and none of them is a panic.
    #[test]
    fn noise_counts_nothing() {
        for line in [
            "",
            "test result:",
            "test result: ok. passed",
            "ℹ pass many",
            "Tests  (",
            "\u{1b}[",
            "ℹ pass 99999999999999999999",
        ] {
            for runner in [Runner::Libtest, Runner::Node, Runner::Vitest] {
                assert_eq!(runner.read(line), Counts::default(), "{line:?}");
            }
        }
    }
}
