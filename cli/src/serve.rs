//! `handlens serve`, `admin`, `audit export`: a runtime around the server library.

use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use handlens_server::clock::Clock;
use handlens_server::config::{Config, Layer};
use handlens_server::{Server, export, identity};
use ipnet::IpNet;
use url::Url;

/// Runs the server: one process, one TCP and one UDP port, one folder.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  handlens serve --data ~/handlens                      on this machine, http://localhost:8470
  handlens serve --config /etc/handlens.toml            with everything in a file
  handlens serve --data /var/lib/handlens --listen '[::]:443' --public-url https://help.example.org \\
      --certificate fullchain.pem --key key.pem         for other machines

The first start prints a setup link. Open it to make the organisation and its first Super Admin.
Log level: HANDLENS_LOG=debug (or info, warn; a filter as in `handlens_server=debug,quinn=warn`).")]
pub(crate) struct Serve {
    /// Where the settings come from.
    #[command(flatten)]
    settings: Settings,
}

/// The settings that every command with a server behind it takes; a flag wins over the environment over the file.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// A TOML file; its keys are the flags below with `_` for `-`.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the database. HANDLENS_DATA.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Folder of the root key and the log's signing key; default: DATA.keys. Not in the same backup as the data.
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    /// TCP address of HTTP(S); default 127.0.0.1:8470. Port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// UDP address of QUIC; default: the address and port of --listen.
    #[arg(long, value_name = "ADDRESS:PORT")]
    udp_listen: Option<SocketAddr>,
    /// UDP port that clients are told, where a router forwards another one.
    #[arg(long, value_name = "PORT")]
    udp_announce: Option<u16>,
    /// What people type, for example `https://help.example.org`.
    #[arg(long, value_name = "URL")]
    public_url: Option<Url>,
    /// A proxy in front that speaks plain HTTP to us and sets X-Forwarded-For; may be repeated.
    #[arg(long = "trusted-proxy", value_name = "NETWORK")]
    trusted_proxies: Option<Vec<IpNet>>,
    /// PEM file with the certificate chain; read again when it changes.
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// PEM file with the certificate's key.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

/// For whoever holds the machine.
#[derive(Debug, Subcommand)]
pub(crate) enum Admin {
    /// Gives the first Super Admin a new password and ends all of that account's logins.
    #[command(after_help = "Example:\n  handlens admin recover --data /var/lib/handlens")]
    Recover {
        /// Where the data is.
        #[command(flatten)]
        settings: Settings,
    },
    /// Prints the key that verifies this installation's audit log.
    #[command(after_help = "Example:\n  handlens admin vkey --data /var/lib/handlens > clinic.vkey")]
    Vkey {
        /// Where the data is.
        #[command(flatten)]
        settings: Settings,
    },
}

impl Settings {
    #[allow(clippy::disallowed_methods, reason = "the one place where the environment is read")]
    fn finish(self) -> Result<Config> {
        let file = self.config.as_deref().map(Layer::from_file).transpose()?.unwrap_or_default();
        let environment = Layer::from_environment(std::env::vars(), &["LOG", "BIN"])?;
        let flags = Layer {
            data: self.data,
            keys: self.keys,
            listen: self.listen,
            udp_listen: self.udp_listen,
            udp_announce: self.udp_announce,
            public_url: self.public_url,
            trusted_proxies: self.trusted_proxies,
            certificate: self.certificate,
            key: self.key,
        };
        Ok(file.under(environment).under(flags).finish()?)
    }
}

/// `handlens serve`.
pub(crate) fn run(command: Serve) -> ExitCode {
    crate::log::start("info");
    finish(command.settings.finish().and_then(|config| runtime()?.block_on(serve(config))))
}

/// `handlens admin`.
pub(crate) fn admin(command: Admin) -> ExitCode {
    crate::log::start("warn");
    finish(match command {
        Admin::Recover { settings } => settings.finish().and_then(|config| runtime()?.block_on(recover(config))),
        Admin::Vkey { settings } => settings.finish().and_then(|config| runtime()?.block_on(vkey(config))),
    })
}

/// `handlens audit export`.
pub(crate) fn export_log(settings: Settings, out: &Path) -> ExitCode {
    crate::log::start("warn");
    finish(settings.finish().and_then(|config| runtime()?.block_on(write_export(config, out))))
}

/// `handlens openapi`.
pub(crate) fn openapi() -> ExitCode {
    finish(
        serde_json::to_string_pretty(&handlens_server::http::description())
            .context("the description did not serialise")
            .and_then(|json| Ok(writeln!(std::io::stdout(), "{json}")?)),
    )
}

async fn serve(config: Config) -> Result<()> {
    let data = config.data.clone();
    let secret_file = config.keys.join("setup-link");
    let server = Server::start(config, Clock::system()).await?;
    let mut out = std::io::stdout();
    writeln!(out, "Handlens is at {} (TCP {}, UDP {})", server.url(), server.listens_on(), server.udp_port())?;
    match server.setup_link() {
        Some(link) if out.is_terminal() => {
            writeln!(out, "First start. Make the organisation and its Super Admin here:\n  {}", *link)?
        }
        Some(link) => {
            write_private(&secret_file, link.as_bytes())?;
            writeln!(out, "First start. The setup link is in {}", secret_file.display())?;
        }
        // The link of an earlier start opens nothing any more.
        None => remove(&secret_file)?,
    }
    writeln!(out, "Data in {}. Stop with Ctrl-C.", data.display())?;
    out.flush()?;
    stopped().await?;
    tracing::info!("stopping");
    server.shutdown().await;
    remove_if_set_up(&secret_file);
    Ok(())
}

/// The secret file is of no use once it was used; while setup is open it stays for the next start to replace.
fn remove_if_set_up(path: &Path) {
    if let Err(error) = remove(path) {
        tracing::warn!(%error, "the setup link's file could not be removed");
    }
}

async fn recover(config: Config) -> Result<()> {
    let server = handlens_server::offline(config, Clock::system()).await?;
    let (account, password) = identity::recover(&server).await?;
    server.log.settle().await?;
    server.store.close().await;
    let mut out = std::io::stdout();
    writeln!(
        out,
        "{} can log in with this password; change it afterwards. It is shown only here:\n  {}",
        account.email, *password
    )?;
    Ok(())
}

async fn vkey(config: Config) -> Result<()> {
    let server = handlens_server::offline(config, Clock::system()).await?;
    writeln!(std::io::stdout(), "{}", server.log.vkey())?;
    server.store.close().await;
    Ok(())
}

async fn write_export(config: Config, out: &Path) -> Result<()> {
    let app = handlens_server::offline(config, Clock::system()).await?;
    let entries = if out == Path::new("-") {
        export::export(&app, &mut std::io::stdout().lock()).await?
    } else {
        let file = std::fs::File::create(out).with_context(|| format!("cannot write {}", out.display()))?;
        let mut file = std::io::BufWriter::new(file);
        let entries = export::export(&app, &mut file).await?;
        file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
        entries
    };
    let vkey = app.log.vkey();
    app.store.close().await;
    writeln!(
        std::io::stderr(),
        "{entries} entries. Verify anywhere:\n  handlens audit verify {} --key '{vkey}'",
        out.display()
    )?;
    Ok(())
}

/// Ctrl-C, or the service manager's SIGTERM.
async fn stopped() -> Result<()> {
    #[cfg(unix)]
    {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            result = tokio::signal::ctrl_c() => result?,
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await?;
    Ok(())
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    remove(path)?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(bytes)?;
    Ok(())
}

fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot remove {}", path.display())),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")
}

fn finish(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A closed standard error is nobody to tell.
            let _ = writeln!(std::io::stderr(), "handlens: {error:#}");
            ExitCode::FAILURE
        }
    }
}
