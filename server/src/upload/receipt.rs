//! The receipt: what lets a device drop its copy.

use data_encoding::BASE64URL_NOPAD;
use handlens_protocol::api::Receipt;
use handlens_protocol::snapshot::{RECEIPT_DOMAIN, Received, receipt_fields};
use handlens_protocol::{Kind, ObjectId, Problem};

use super::mine;
use crate::access::UploadPermit;
use crate::app::{App, fault};

/// The receipt of a stored object. Signed anew each time and always the same: the signature is deterministic.
///
/// # Errors
/// `not-found`, `session-ended` when it is too late, `conflict` while the object is not stored.
pub async fn receipt(app: &App, permit: &UploadPermit, id: ObjectId) -> Result<Receipt, Problem> {
    let (row, there) = mine(app, permit, id).await?;
    let not_yet = || Problem::new(Kind::Conflict, "The photo has not arrived whole. Send the rest first.");
    let stored = there.stored.ok_or_else(not_yet)?;
    let received = Received {
        organisation: row.organisation,
        session: row.id,
        object: id,
        bytes: there.bytes,
        sha256: there.sha256,
        origin: &stored.origin,
        sequence: stored.sequence,
        entry_sha256: stored.entry_sha256,
        stored_us: stored.at_us,
    };
    let fields = receipt_fields(&received);
    let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
    let key = app.keys(row.organisation).await?.receipt_key().map_err(fault)?;
    let signature = key.sign(RECEIPT_DOMAIN, &fields).map_err(fault)?;
    Ok(Receipt {
        v: 1,
        organisation: received.organisation,
        session: received.session,
        object: received.object,
        bytes: received.bytes,
        sha256: BASE64URL_NOPAD.encode(&received.sha256),
        origin: received.origin.to_owned(),
        sequence: received.sequence,
        entry_sha256: BASE64URL_NOPAD.encode(&received.entry_sha256),
        stored_us: received.stored_us,
        signature: BASE64URL_NOPAD.encode(&signature),
    })
}
