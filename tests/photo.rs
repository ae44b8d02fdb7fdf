//! A photo as a device deals with it: sealed before it is kept, announced, sent in parts, dropped on the receipt.

use data_encoding::{BASE64, BASE64URL_NOPAD};
use handlens_protocol::snapshot::{About, PURPOSE, RECEIPT_DOMAIN, Received, encode, receipt_fields};
use handlens_protocol::{ObjectId, api};
use handlens_seal::signature::PublicKey;
use handlens_seal::{Header, Key, container, hpke, signature};
use reqwest::Method;
use sha2::{Digest as _, Sha256};

use super::{Answer, Device, Person};

/// Bytes of a part in these tests: several make up a photo.
pub const PART: usize = 64 * 1024;

const UPLOADS: &str = "/api/guest/uploads";
const TUS: (&str, &str) = ("tus-resumable", "1.0.0");

/// A sealed photo and everything that is said of it.
#[derive(Clone)]
pub struct Photo {
    pub object: ObjectId,
    pub plaintext: Vec<u8>,
    pub sealed: Vec<u8>,
    pub sha256: [u8; 32],
    pub seal: Vec<u8>,
    pub request: Option<String>,
}

impl Photo {
    /// A photo that this device took and sealed for its session.
    pub fn taken(device: &Device, jpeg: &[u8]) -> Self {
        let about = About { v: 1, capture_us: 5, taken_us: 6, width: 640, height: 480, marks: Vec::new() };
        let object = ObjectId::random().unwrap();
        let text = |name: &str| device.view[name].as_str().unwrap();
        let header = Header::new(text("organisation"), Some(text("session")), &object.to_string(), PURPOSE).unwrap();
        let key = Key::random().unwrap();
        let plaintext = encode(&about, jpeg).unwrap();
        let sealed = container::seal(&key, &header, &plaintext).unwrap();
        let to = hpke::SealKey::from_sec1(&BASE64URL_NOPAD.decode(text("seal_key").as_bytes()).unwrap()).unwrap();
        let seal = hpke::seal(&to, &header, &key).unwrap().to_vec();
        Self { object, plaintext, sha256: Sha256::digest(&sealed).into(), sealed, seal, request: None }
    }

    /// The value of `Upload-Metadata`.
    pub fn metadata(&self) -> String {
        let object = self.object.to_string();
        let mut pairs = vec![
            format!("object {}", BASE64.encode(object.as_bytes())),
            format!("sha256 {}", BASE64.encode(&self.sha256)),
            format!("seal {}", BASE64.encode(&self.seal)),
        ];
        pairs.extend(self.request.iter().map(|request| format!("request {}", BASE64.encode(request.as_bytes()))));
        pairs.join(",")
    }

    pub fn path(&self) -> String {
        format!("{UPLOADS}/{}", self.object)
    }
}

impl Device {
    pub async fn announce(&self, photo: &Photo) -> Answer {
        let (length, metadata) = (photo.sealed.len().to_string(), photo.metadata());
        let headers = [TUS, ("upload-length", &length), ("upload-metadata", &metadata)];
        self.person.send(Method::POST, UPLOADS, None, &headers).await
    }

    /// Sends these bytes as the part at `offset`.
    pub async fn send_part(&self, photo: &Photo, offset: usize, bytes: &[u8]) -> Answer {
        self.person.try_send_part(photo, offset, bytes.to_vec()).await.expect("an answer")
    }

    /// `HEAD`: the status, and where the upload is.
    pub async fn asks_offset(&self, photo: &Photo) -> Answer {
        self.person.send(Method::HEAD, &photo.path(), None, &[TUS]).await
    }

    /// Announces a photo and sends all of it.
    pub async fn upload(&self, photo: &Photo) {
        self.announce(photo).await.ok();
        let mut offset = 0;
        while offset < photo.sealed.len() {
            let end = (offset + PART).min(photo.sealed.len());
            let answer = self.send_part(photo, offset, &photo.sealed[offset..end]).await.ok();
            assert_eq!(answer.offset(), Some(end as u64));
            offset = end;
        }
    }

    /// The receipt, checked as a device checks it before it drops its copy.
    pub async fn receipt(&self, photo: &Photo) -> api::Receipt {
        let answer = self.person.get(&format!("{}/receipt", photo.path())).await.ok();
        let receipt: api::Receipt = serde_json::from_value(answer.body).unwrap();
        let digest = |text: &str| -> [u8; 32] { BASE64URL_NOPAD.decode(text.as_bytes()).unwrap().try_into().unwrap() };
        assert_eq!((receipt.object, digest(&receipt.sha256)), (photo.object, photo.sha256));
        let fields = receipt_fields(&Received {
            organisation: receipt.organisation,
            session: receipt.session,
            object: receipt.object,
            bytes: photo.sealed.len() as u64,
            sha256: photo.sha256,
            origin: &receipt.origin,
            sequence: receipt.sequence,
            entry_sha256: digest(&receipt.entry_sha256),
            stored_us: receipt.stored_us,
        });
        let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
        let key = BASE64URL_NOPAD.decode(self.view["receipt_key"].as_str().unwrap().as_bytes()).unwrap();
        let signed = BASE64URL_NOPAD.decode(receipt.signature.as_bytes()).unwrap();
        signature::verify(&PublicKey::from_sec1(&key).unwrap(), RECEIPT_DOMAIN, &fields, &signed).unwrap();
        receipt
    }
}

impl Person {
    /// Sends a part; `None` when no whole answer came: the server was killed.
    pub async fn try_send_part(&self, photo: &Photo, offset: usize, bytes: Vec<u8>) -> Option<Answer> {
        let offset = offset.to_string();
        let headers = [TUS, ("upload-offset", &offset), ("content-type", "application/offset+octet-stream")];
        self.try_send(Method::PATCH, &photo.path(), Some(bytes), &headers).await
    }
}

impl Answer {
    /// `Upload-Offset`.
    pub fn offset(&self) -> Option<u64> {
        self.headers.get("upload-offset").map(|value| value.to_str().unwrap().parse().unwrap())
    }
}
