//! Exports of the audit log: every log of the organisation, oldest first, without a row limit. The export is itself an
//! entry, and is the last one in it.

use std::io::Write;

use handlens_audit::{Action, Actor, Head, Origin, Signature, Token, Writer};
use handlens_protocol::Problem;

use crate::app::{App, fault};
use crate::audit::Note;
use crate::store::{account, log};

/// Entries read at once.
const BATCH: u32 = 500;

/// Writes the log of every organisation of this installation (there is one) to `out`; returns the number of entries.
///
/// # Errors
/// When the log cannot be read or signed, or `out` cannot be written.
pub async fn export(app: &App, out: &mut impl Write) -> Result<u64, Problem> {
    let mut db = app.store.reader().await?;
    let organisations = account::organisations(&mut db).await?;
    drop(db);
    for organisation in &organisations {
        let mut change = app.log.change(&app.live, organisation.id, None).await?;
        change
            .write(Note {
                actor: Actor::System(Token::new("command-line").map_err(fault)?),
                action: Action::LogExport,
                object: ("organisation", organisation.id.to_string()),
                refused: None,
                session: None,
                details: None,
            })
            .await?;
        change.commit().await?;
    }
    app.log.settle().await?;
    let mut db = app.store.reader().await?;
    let mut writer = Writer::new(app.log.name());
    let mut entries = 0;
    for organisation in organisations {
        for head in log::heads(&mut db, organisation.id).await? {
            writer.open(Head::new(Origin::new(&head.origin).map_err(fault)?), None).map_err(fault)?;
            let mut next = 0;
            'log: loop {
                let rows = log::range(&mut db, &head.origin, next, BATCH).await?;
                for row in &rows {
                    let signature = row.signature.as_deref().and_then(|bytes| bytes.try_into().ok());
                    // An entry that was committed while we wrote and is not signed yet belongs to the next export.
                    let Some(signature) = signature.map(Signature::from_bytes) else { break 'log };
                    writer.entry(&row.bytes, &signature, None).map_err(fault)?;
                    next = row.sequence + 1;
                    entries += 1;
                }
                out.write_all(&writer.take()).map_err(fault)?;
                if rows.len() < BATCH as usize {
                    break;
                }
            }
            writer.close().map_err(fault)?;
            out.write_all(&writer.take()).map_err(fault)?;
        }
    }
    out.flush().map_err(fault)?;
    Ok(entries)
}
