//! Rules about who may depend on whom, and on what.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail};
use cargo_metadata::{CargoOpt, DependencyKind, Metadata, MetadataCommand, Package};
use serde::Deserialize;
use spdx::{Expression, ParseMode};

use super::{Verdict, read};
use crate::cargo::{Cargo, metadata};
use crate::checkout::Checkout;
use crate::program::ask;

/// The arrows of ARCHITECTURE.md: what each of our crates may use of ours. A crate that is not here may not be built.
const ARROWS: &[(&str, &[&str])] = &[
    ("handlens-protocol", &[]),
    ("handlens-seal", &["handlens-protocol"]),
    ("handlens-audit", &["handlens-protocol"]),
    ("handlens-session", &["handlens-protocol"]),
    ("handlens-media", &["handlens-protocol"]),
    ("handlens-anchor", &["handlens-protocol"]),
    ("handlens-websocket", &[]),
    ("handlens-vault", &["handlens-protocol", "handlens-seal"]),
    ("handlens-upload", &["handlens-protocol", "handlens-seal", "handlens-session", "handlens-vault"]),
    (
        "handlens-client",
        &[
            "handlens-protocol",
            "handlens-seal",
            "handlens-session",
            "handlens-media",
            "handlens-anchor",
            "handlens-vault",
            "handlens-upload",
            "handlens-websocket",
        ],
    ),
    ("handlens-server", &["handlens-protocol", "handlens-seal", "handlens-audit", "handlens-websocket"]),
    ("handlens", &["handlens-protocol", "handlens-audit", "handlens-server", "handlens-client", "handlens-media"]),
    ("xtask", &[]),
];

/// Crates that must not be reached from a room, at any depth. Every crate of `core/` has a row.
const KEPT_OUT: &[(&str, &[&str], &str)] = &[
    ("handlens-protocol", RUNTIMES, "what is said on the wire has no I/O"),
    ("handlens-seal", RUNTIMES, "sealing has no I/O"),
    ("handlens-audit", RUNTIMES, "the verifier needs no runtime"),
    ("handlens-session", RUNTIMES, "a state machine is driven, and drives nothing"),
    ("handlens-anchor", RUNTIMES, "it also runs as wasm in a browser"),
    ("handlens-websocket", BINDINGS, "no binding's attribute in the core"),
    ("handlens-media", BINDINGS, "no binding's attribute in the core"),
    ("handlens-vault", BINDINGS, "no binding's attribute in the core"),
    ("handlens-upload", BINDINGS, "no binding's attribute in the core"),
    ("handlens-client", BINDINGS, "no binding's attribute in the core"),
];
const RUNTIMES: &[&str] = &["tokio", "async-std", "smol", "uniffi", "uniffi_core"];
const BINDINGS: &[&str] = &["uniffi", "uniffi_core", "handlens-server", "sqlx"];
/// What an auditor's build has no use for.
const SERVING: &[&str] = &["handlens-server", "sqlx", "axum", "quinn", "tokio"];

/// Whatever can be the one that does the cryptography of TLS.
const PROVIDERS: &[&str] = &[
    "ring",
    "aws-lc-rs",
    "aws-lc-sys",
    "aws-lc-fips-sys",
    "openssl-sys",
    "boring-sys",
    "mbedtls-sys-auto",
    "graviola",
    "wolfssl-sys",
];

/// Cargo.lock says what the manifests say.
pub(super) fn locked(checkout: &Checkout) -> Result<Verdict> {
    let locked = MetadataCommand::new().current_dir(&checkout.root).other_options(vec!["--locked".to_owned()]).exec();
    Ok(locked.map_or_else(|error| Verdict::Broken(error.to_string()), |_| Verdict::Held))
}

/// No crate of ours uses one that lies against the arrows.
pub(super) fn arrows(checkout: &Checkout) -> Result<Verdict> {
    let metadata = metadata(checkout)?;
    let ours: BTreeSet<&str> = metadata.workspace_packages().iter().map(|package| package.name.as_str()).collect();
    let mut found = Vec::new();
    for package in metadata.workspace_packages() {
        let name = package.name.as_str();
        let used = package.dependencies.iter().filter(|used| used.kind != DependencyKind::Development);
        let used: Vec<&str> = used.map(|used| used.name.as_str()).filter(|used| ours.contains(used)).collect();
        // The tests stand outside the house and may look into every room.
        if name != "handlens-tests" {
            found.extend(against_the_arrows(name, &used));
        }
    }
    Ok(Verdict::of(&found))
}

/// No runtime in the rooms without I/O, no binding in the core.
pub(super) fn kept_out(checkout: &Checkout, cargo: &Cargo<'_>) -> Result<Verdict> {
    let rooms = rooms(&metadata(checkout)?);
    let mut found = without_a_pair(&rooms);
    for (room, strangers, why) in KEPT_OUT.iter().filter(|(room, ..)| rooms.contains(*room)) {
        let reached = reached(cargo, &["--package", room])?;
        let strangers = strangers_in(&reached, room, strangers)?.into_iter();
        found.extend(strangers.map(|name| format!("{room} reaches {name}: {why}")));
    }
    Ok(Verdict::of(&found))
}

/// `handlens --no-default-features`, what an auditor builds, has no server code in it.
pub(super) fn verifier(cargo: &Cargo<'_>) -> Result<Verdict> {
    let reached = reached(cargo, &["--package", "handlens", "--no-default-features"])?;
    let server = strangers_in(&reached, "handlens-audit", SERVING)?.into_iter();
    Ok(Verdict::of(&server.map(|name| format!("the verifier links {name}")).collect::<Vec<_>>()))
}

/// One crate, in one version, does all cryptography of TLS.
pub(super) fn crypto(checkout: &Checkout) -> Result<Verdict> {
    let metadata = everything(checkout)?;
    let found = used_packages(&metadata).filter(|package| PROVIDERS.contains(&package.name.as_str()));
    Ok(exactly_one(&found.map(title).collect::<Vec<_>>()))
}

/// One `libsqlite3-sys`.
pub(super) fn sqlite(checkout: &Checkout) -> Result<Verdict> {
    let metadata = everything(checkout)?;
    let found = used_packages(&metadata).filter(|package| package.name.as_str() == "libsqlite3-sys");
    Ok(exactly_one(&found.map(title).collect::<Vec<_>>()))
}

/// Every crate's licence is one of those that deny.toml allows.
pub(super) fn licences(checkout: &Checkout) -> Result<Verdict> {
    let rules = Rules::read(checkout)?;
    let metadata = everything(checkout)?;
    let strangers = used_packages(&metadata).filter(|package| package.source.is_some());
    let found = strangers.filter_map(|package| {
        let licence = package.license.as_deref().unwrap_or("no licence");
        let own =
            rules.licenses.exceptions.iter().filter(|own| own.name == package.name.as_str()).flat_map(|own| &own.allow);
        let allowed: Vec<&String> = rules.licenses.allow.iter().chain(own).collect();
        (!licence_holds(licence, &allowed))
            .then(|| format!("{} is under {licence}, which deny.toml does not allow", title(package)))
    });
    Ok(Verdict::of(&found.collect::<Vec<_>>()))
}

/// No crate that deny.toml bans, and no second version of one that it wants once.
pub(super) fn bans(checkout: &Checkout) -> Result<Verdict> {
    let rules = Rules::read(checkout)?;
    let metadata = everything(checkout)?;
    let mut found = Vec::new();
    for ban in &rules.bans.deny {
        let there: Vec<String> =
            used_packages(&metadata).filter(|package| package.name.as_str() == ban.name).map(title).collect();
        let allowed = usize::from(ban.deny_multiple_versions);
        if there.len() > allowed {
            found.push(format!("{}: {}", there.join(", "), ban.reason));
        }
    }
    Ok(Verdict::of(&found))
}

/// Everything that is not ours comes from crates.io.
pub(super) fn sources(checkout: &Checkout) -> Result<Verdict> {
    let metadata = everything(checkout)?;
    let found = metadata.packages.iter().filter_map(|package| match &package.source {
        Some(source) if !source.is_crates_io() => Some(format!("{} comes from {source}", title(package))),
        None if !package.manifest_path.starts_with(&metadata.workspace_root) => {
            Some(format!("{} lies outside the checkout", title(package)))
        }
        _ => None,
    });
    Ok(Verdict::of(&found.collect::<Vec<_>>()))
}

/// The part of deny.toml that we read ourselves.
#[derive(Deserialize)]
struct Rules {
    licenses: Licences,
    bans: Bans,
}

#[derive(Deserialize)]
struct Licences {
    allow: Vec<String>,
    #[serde(default)]
    exceptions: Vec<Exception>,
}

#[derive(Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
    #[serde(default)]
    deny_multiple_versions: bool,
}

impl Rules {
    fn read(checkout: &Checkout) -> Result<Self> {
        toml::from_str(&read(checkout, "deny.toml")?).context("deny.toml is not what xtask understands")
    }
}

/// The graph with every optional part of ours turned on.
fn everything(checkout: &Checkout) -> Result<Metadata> {
    let mut command = MetadataCommand::new();
    command.current_dir(&checkout.root).features(CargoOpt::AllFeatures);
    command.exec().context("cargo metadata does not pass")
}

/// Packages that something in the graph depends on; the list of packages also has some that no feature turns on.
fn used_packages(metadata: &Metadata) -> impl Iterator<Item = &Package> {
    let nodes = metadata.resolve.iter().flat_map(|resolve| &resolve.nodes);
    let used: BTreeSet<_> = nodes.flat_map(|node| node.dependencies.iter()).collect();
    metadata.packages.iter().filter(move |package| used.contains(&package.id) || package.source.is_none())
}

/// Names of all crates that are linked, as `cargo tree` tells them for one package and its features.
fn reached(cargo: &Cargo<'_>, selection: &[&str]) -> Result<BTreeSet<String>> {
    let mut command =
        cargo.command(["tree", "--edges", "normal", "--target", "all", "--prefix", "none", "--format", "{p}"]);
    let told = ask(command.args(selection))
        .with_context(|| format!("cargo tree does not pass for {}", selection.join(" ")))?;
    Ok(told.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}

/// The crates of `core/`.
fn rooms(metadata: &Metadata) -> BTreeSet<String> {
    let core = metadata.workspace_root.join("core");
    let rooms = metadata.workspace_packages().into_iter().filter(|package| package.manifest_path.starts_with(&core));
    rooms.map(|package| package.name.to_string()).collect()
}

/// Rooms without a row of [`KEPT_OUT`], and rows whose room is not there: it was renamed, and nobody looks at it.
fn without_a_pair(rooms: &BTreeSet<String>) -> Vec<String> {
    let rows: BTreeSet<&str> = KEPT_OUT.iter().map(|(room, ..)| *room).collect();
    let missing = rooms.iter().filter(|room| !rows.contains(room.as_str()));
    let missing = missing.map(|room| format!("{room} has no row in KEPT_OUT (xtask/src/house/graph.rs)"));
    let unknown = rows.iter().filter(|row| !rooms.contains(**row));
    missing.chain(unknown.map(|row| format!("KEPT_OUT has {row}, which is no crate of core/"))).collect()
}

/// Those of `strangers` that are reached. A graph without `own` is another one's, and says nothing.
fn strangers_in<'a>(reached: &BTreeSet<String>, own: &str, strangers: &[&'a str]) -> Result<Vec<&'a str>> {
    if !reached.contains(own) {
        bail!("the graph lacks {own} itself, so this check looked at nothing");
    }
    Ok(strangers.iter().filter(|name| reached.contains(**name)).copied().collect())
}

fn against_the_arrows(name: &str, used: &[&str]) -> Vec<String> {
    let Some((_, allowed)) = ARROWS.iter().find(|(crate_name, _)| *crate_name == name) else {
        return vec![format!("{name} has no row in ARROWS (xtask/src/house/graph.rs): which rooms may it use?")];
    };
    let wrong = used.iter().filter(|used| !allowed.contains(used));
    wrong.map(|used| format!("{name} uses {used}, against the arrows of ARCHITECTURE.md")).collect()
}

fn licence_holds(licence: &str, allowed: &[&String]) -> bool {
    // Old crates write `MIT/Apache-2.0`.
    Expression::parse_mode(licence, ParseMode::LAX)
        .is_ok_and(|terms| terms.evaluate(|term| allowed.iter().any(|allowed| term.to_string() == **allowed)))
}

fn exactly_one(found: &[String]) -> Verdict {
    match found {
        [] => Verdict::Broken("there is none, so this check looked at nothing".to_owned()),
        [_] => Verdict::Held,
        more => Verdict::Broken(format!("there are {}", more.join(", "))),
    }
}

fn title(package: &Package) -> String {
    format!("{} {}", package.name, package.version)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The negative control of the arrows: the core must not use the server, and a crate without a row is told so.
    #[test]
    fn arrows_go_one_way() {
        assert!(against_the_arrows("handlens-server", &["handlens-audit"]).is_empty());
        assert_eq!(against_the_arrows("handlens-protocol", &["handlens-server"]).len(), 1);
        assert_eq!(against_the_arrows("handlens-attic", &[]).len(), 1);
    }

    /// A licence holds when its terms can be met with what is allowed: one of an OR, all of an AND.
    #[test]
    fn licences_are_terms() {
        let (mit, isc) = ("MIT".to_owned(), "ISC".to_owned());
        let allowed = [&mit, &isc];
        for good in ["MIT", "MIT OR GPL-3.0-only", "MIT/Apache-2.0", "MIT AND ISC"] {
            assert!(licence_holds(good, &allowed), "{good}");
        }
        for bad in ["GPL-3.0-only", "MIT AND GPL-3.0-only", "no licence", ""] {
            assert!(!licence_holds(bad, &allowed), "{bad}");
        }
    }

    /// Every crate of `core/` has a row. The negative controls: a new room, and one that was renamed, are told.
    #[test]
    fn every_room_has_a_row() {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
        let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec().expect("our own workspace");
        let mut rooms = rooms(&metadata);
        assert_eq!(without_a_pair(&rooms), Vec::<String>::new());
        assert_eq!(rooms.len(), KEPT_OUT.len());
        rooms.insert("handlens-attic".to_owned());
        assert_eq!(without_a_pair(&rooms).len(), 1);
        rooms.remove("handlens-audit");
        assert_eq!(without_a_pair(&rooms).len(), 2);
    }

    /// The negative controls of what is kept out: a stranger that is planted is found, and so is the wrong graph.
    #[test]
    fn a_stranger_is_found() {
        let found = |names: &[&str], own: &str, strangers: &[&'static str]| {
            strangers_in(&names.iter().map(ToString::to_string).collect(), own, strangers).ok()
        };
        assert_eq!(found(&["handlens-audit", "serde"], "handlens-audit", RUNTIMES), Some(vec![]));
        assert_eq!(found(&["handlens-audit", "tokio"], "handlens-audit", RUNTIMES), Some(vec!["tokio"]));
        assert_eq!(found(&["handlens-client", "tokio"], "handlens-client", BINDINGS), Some(vec![]));
        assert_eq!(found(&["handlens-client", "uniffi"], "handlens-client", BINDINGS), Some(vec!["uniffi"]));
        assert_eq!(found(&["handlens", "handlens-audit"], "handlens-audit", SERVING), Some(vec![]));
        let planted = ["handlens", "handlens-audit", "axum", "tokio"];
        assert_eq!(found(&planted, "handlens-audit", SERVING), Some(vec!["axum", "tokio"]));
        assert_eq!(found(&["handlens"], "handlens-audit", SERVING), None);
    }

    /// Two of what there must be one of is found, and so is none.
    #[test]
    fn a_second_one_is_found() {
        assert_eq!(exactly_one(&["ring 0.17.14".to_owned()]), Verdict::Held);
        for wrong in [&[][..], &["ring 0.17.14".to_owned(), "aws-lc-rs 1.0.0".to_owned()]] {
            assert!(matches!(exactly_one(wrong), Verdict::Broken(_)), "{wrong:?}");
        }
    }
}
