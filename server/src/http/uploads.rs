//! Uploads in the shape of tus 1.0 (<https://tus.io/protocols/resumable-upload>): creation without a body, `HEAD`, `PATCH`.
//! What the device says of an object travels in `Upload-Metadata`; a part is taken whole or not at all.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, MatchedPath, Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use handlens_protocol::api::Receipt;
use handlens_protocol::limits::UPLOAD_PART_BYTES;
use handlens_protocol::{Kind, ObjectId, Problem};

use super::Refusal;
use super::body::{Unread, whole};
use crate::access::UploadPermit;
use crate::app::App;
use crate::upload::{self, Declaration};

/// The version of tus, the only one.
const VERSION: &str = "1.0.0";
/// How long a part may take: longer than a phone waits for its answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// Every route here, as the guard and [`protocol`] know it.
const ROUTES: &str = "/api/guest/uploads";

const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");

/// The body of a `PATCH`: at most [`UPLOAD_PART_BYTES`], and where it begins.
pub(super) struct Part {
    offset: u64,
    bytes: Bytes,
}

/// Announces a snapshot, or asks where an announced one is.
#[utoipa::path(post, path = "/api/guest/uploads",
    params(("Tus-Resumable" = String, Header), ("Upload-Length" = u64, Header), ("Upload-Metadata" = String, Header)),
    responses((status = 201, description = "Announced; `Location`, `Upload-Offset`"),
        (status = 200, description = "Announced before"), (status = "4XX", body = Problem)))]
pub(super) async fn announce(
    State(app): State<App>,
    permit: UploadPermit,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let said = Declaration::read(text(&headers, &UPLOAD_LENGTH), text(&headers, &UPLOAD_METADATA))?;
    let announced = upload::announce(&app, &permit, &said).await?;
    let status = if announced.new { StatusCode::CREATED } else { StatusCode::OK };
    let location = [(header::LOCATION, format!("{ROUTES}/{}", said.object))];
    Ok((status, offset_header(announced.progress.offset), location).into_response())
}

/// How far an upload is.
#[utoipa::path(head, path = "/api/guest/uploads/{object}",
    params(("object" = ObjectId, Path), ("Tus-Resumable" = String, Header)),
    responses((status = 200, description = "`Upload-Offset`, `Upload-Length`"), (status = "4XX", body = Problem)))]
pub(super) async fn progress(
    State(app): State<App>,
    permit: UploadPermit,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let progress = upload::progress(&app, &permit, object(&id)?).await?;
    let length = [(UPLOAD_LENGTH, HeaderValue::from(progress.length))];
    let fresh = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((offset_header(progress.offset), length, fresh).into_response())
}

/// Sends a part. When this is answered, the part survives a power cut.
#[utoipa::path(patch, path = "/api/guest/uploads/{object}",
    params(("object" = ObjectId, Path), ("Tus-Resumable" = String, Header), ("Upload-Offset" = u64, Header)),
    request_body(content = [u8], content_type = "application/offset+octet-stream"),
    responses((status = 204, description = "`Upload-Offset`"), (status = "4XX", body = Problem)))]
pub(super) async fn append(
    State(app): State<App>,
    permit: UploadPermit,
    Path(id): Path<String>,
    part: Part,
) -> Result<Response, Refusal> {
    match upload::append(&app, &permit, object(&id)?, part.offset, part.bytes).await {
        Ok(offset) => Ok((StatusCode::NO_CONTENT, offset_header(offset)).into_response()),
        Err(refused) => {
            let offset = refused.offset.map(offset_header);
            Ok((offset, Refusal(refused.problem)).into_response())
        }
    }
}

/// The receipt of a stored snapshot: only this lets a device drop its copy.
#[utoipa::path(get, path = "/api/guest/uploads/{object}/receipt", params(("object" = ObjectId, Path)),
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub(super) async fn receipt(
    State(app): State<App>,
    permit: UploadPermit,
    Path(id): Path<String>,
) -> Result<Json<Receipt>, Refusal> {
    Ok(Json(upload::receipt(&app, &permit, object(&id)?).await?))
}

/// Middleware before the guard: tus is spoken in one version, and every answer of an upload says so.
pub(super) async fn protocol(request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str).unwrap_or_default();
    if !path.starts_with(ROUTES) {
        return next.run(request).await;
    }
    // The receipt is ours and no part of tus.
    let spoken = path.ends_with("/receipt") || text(request.headers(), &TUS_RESUMABLE) == Some(VERSION);
    let mut response = if spoken {
        next.run(request).await
    } else {
        Refusal(Problem::new(Kind::UploadVersion, "Uploads speak tus 1.0.0.")).into_response()
    };
    response.headers_mut().insert(TUS_RESUMABLE, HeaderValue::from_static(VERSION));
    if !spoken {
        response.headers_mut().insert(TUS_VERSION, HeaderValue::from_static(VERSION));
    }
    response
}

impl FromRequest<App> for Part {
    type Rejection = Refusal;

    async fn from_request(mut request: Request, _: &App) -> Result<Self, Refusal> {
        let headers = request.headers();
        let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if kind != Some("application/offset+octet-stream") {
            return Err(Refusal(malformed("A part is application/offset+octet-stream.")));
        }
        let offset = upload::number(text(headers, &UPLOAD_OFFSET));
        let offset = offset.ok_or_else(|| malformed("`Upload-Offset` says where the part begins."))?;
        DefaultBodyLimit::max(UPLOAD_PART_BYTES).apply(&mut request);
        let bytes = whole(request, PATIENCE).await.map_err(|unread| match unread {
            Unread::TooLarge => {
                let detail = format!("A part has at most {UPLOAD_PART_BYTES} bytes. Nothing of it was taken.");
                Problem::new(Kind::TooLarge, detail)
            }
            Unread::Lost => malformed("The part did not arrive."),
        })?;
        Ok(Self { offset, bytes })
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn offset_header(offset: u64) -> [(HeaderName, HeaderValue); 1] {
    [(UPLOAD_OFFSET, HeaderValue::from(offset))]
}

fn object(id: &str) -> Result<ObjectId, Problem> {
    id.parse().map_err(|_| Problem::new(Kind::NotFound, "There is no such upload. Announce it first."))
}

fn malformed(detail: &str) -> Problem {
    Problem::new(Kind::Malformed, detail)
}
