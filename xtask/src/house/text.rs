//! Rules about the files themselves.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use pulldown_cmark::{Event, Parser, Tag};

use super::Verdict;
use crate::checkout::Checkout;

/// Nobody reads more in one sitting.
const LINES: usize = 600;
/// Files that may be longer, each with its reason.
const LONG: &[(&str, &str)] = &[];
/// What counts as written source.
const SOURCE: [&str; 13] = ["rs", "ts", "tsx", "js", "mjs", "svelte", "css", "html", "kt", "swift", "py", "sh", "sql"];
/// Package registries' hosts: a lock file that names them ties everybody to one mirror. Spelt apart, so as not to find itself.
const HOSTS: [&str; 6] = [
    concat!("registry", ".npmjs.org"),
    concat!("index", ".crates.io"),
    concat!("static", ".crates.io"),
    concat!("files", ".pythonhosted.org"),
    concat!("deb", ".debian.org"),
    concat!("repo", ".maven.apache.org"),
];
/// Folders of one machine or one person.
const MACHINE: [&str; 4] =
    [concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];

/// No source file above 600 lines.
pub(super) fn lengths(checkout: &Checkout) -> Result<Verdict> {
    let mut found = Vec::new();
    for (name, text) in texts(checkout)? {
        let source = Path::new(&name).extension().is_some_and(|kind| SOURCE.iter().any(|source| kind == *source));
        let lines = text.lines().count();
        if source && lines > LINES && !LONG.iter().any(|(long, _)| *long == name) {
            found.push(format!("{name} has {lines} lines, and nobody reads more than {LINES} in one sitting"));
        }
    }
    Ok(Verdict::of(&found))
}

/// No registry host and no path of one machine in what is committed.
pub(super) fn private(checkout: &Checkout) -> Result<Verdict> {
    let mut found = Vec::new();
    for (name, text) in texts(checkout)? {
        for (number, line) in text.lines().enumerate() {
            if let Some(what) = HOSTS.iter().find(|host| line.contains(**host)) {
                found.push(format!("{name}:{}: names the registry host {what}", number + 1));
            }
            if let Some(what) = MACHINE.iter().find(|folder| names_folder(line, folder)) {
                found.push(format!("{name}:{}: names a folder of one machine under {what}", number + 1));
            }
        }
    }
    Ok(Verdict::of(&found))
}

/// Every link of a markdown file to a file of the checkout leads somewhere.
pub(super) fn links(checkout: &Checkout) -> Result<Verdict> {
    let mut found = Vec::new();
    for (name, text) in texts(checkout)? {
        if !name.ends_with(".md") {
            continue;
        }
        for link in targets(&text) {
            if let Some(path) = local(&name, &link)
                && !checkout.root.join(&path).exists()
            {
                found.push(format!("{name} links to {link}, which is not there"));
            }
        }
    }
    Ok(Verdict::of(&found))
}

/// Text files that are committed or are about to be, by name from the root.
fn texts(checkout: &Checkout) -> Result<Vec<(String, String)>> {
    let listed = Command::new("git")
        .current_dir(&checkout.root)
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .output()
        .context("git is needed to know which files are ours")?;
    if !listed.status.success() {
        bail!("git cannot list the files: {}", String::from_utf8_lossy(&listed.stderr).trim());
    }
    let mut texts = Vec::new();
    for name in String::from_utf8_lossy(&listed.stdout).split_terminator('\0') {
        // Deleted but not yet committed, a submodule, or no text: nothing to read.
        if let Ok(text) = std::fs::read_to_string(checkout.root.join(name)) {
            texts.push((name.to_owned(), text));
        }
    }
    Ok(texts)
}

/// The folder stands at the start of a path, and something follows it.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + folder.len()..].chars().next();
        let inside_a_path = before.is_some_and(|c| c.is_alphanumeric() || "_-.~}*$/".contains(c));
        !inside_a_path && after.is_some_and(|c| c.is_ascii_alphanumeric() || c == '.')
    })
}

/// Where the links and pictures of a markdown text lead, those written as HTML too.
fn targets(text: &str) -> Vec<String> {
    let mut targets = Vec::new();
    for event in Parser::new(text) {
        if let Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) = &event {
            targets.push(dest_url.to_string());
        }
        if let Event::Html(html) | Event::InlineHtml(html) = &event {
            for attribute in ["src=\"", "href=\""] {
                let values = html.split(attribute).skip(1).filter_map(|rest| rest.split('"').next());
                targets.extend(values.map(str::to_owned));
            }
        }
    }
    targets
}

/// The file that a link in `page` means, from the root; `None` for the web and for places on the same page.
fn local(page: &str, link: &str) -> Option<PathBuf> {
    let path = link.split(['#', '?']).next().filter(|path| !path.is_empty())?;
    let scheme = path.split_once(':').is_some_and(|(scheme, _)| scheme.chars().all(|c| c.is_ascii_alphanumeric()));
    if scheme {
        return None;
    }
    Some(match path.strip_prefix('/') {
        Some(from_root) => PathBuf::from(from_root),
        None => Path::new(page).parent().unwrap_or(Path::new("")).join(path),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Links, pictures, reference links and HTML are seen; what stands in code is not a link.
    #[test]
    fn links_are_found() {
        let text =
            "[a](a.md#part) ![b](b.png) [c][]\n\n<img src=\"d.png\" width=\"10\">\n\n`[no](no.md)`\n\n[c]: c.md\n";
        let mut targets = targets(text);
        targets.sort();
        assert_eq!(targets, ["a.md#part", "b.png", "c.md", "d.png"]);
    }

    /// A link counts from its page, or from the root; the web and the page itself are not files.
    #[test]
    fn local_links_are_resolved() {
        assert_eq!(local("docs/a.md", "b.md#x"), Some(PathBuf::from("docs/b.md")));
        assert_eq!(local("docs/a.md", "/README.md"), Some(PathBuf::from("README.md")));
        assert_eq!(local("a.md", "https://example.org/b.md"), None);
        assert_eq!(local("a.md", "mailto:a@example.org"), None);
        assert_eq!(local("a.md", "#part"), None);
    }

    /// The negative control: a path of one machine is found, and the same letters inside another path are not.
    #[test]
    fn machine_paths_are_found() {
        let folder = MACHINE[0];
        assert!(names_folder(&format!("cp {folder}notes ."), folder));
        assert!(names_folder(&format!("\"{folder}.cache\""), folder));
        assert!(!names_folder(&format!("docs{folder}notes"), folder));
        assert!(!names_folder("nothing", folder));
    }
}
