//! One organisation's key, and everything that is sealed under it.

use std::fmt;

use handlens_seal::signature::SigningKey;
use handlens_seal::{Header, Key, container};
use zeroize::Zeroizing;

use super::{Error, HEAD, KeyId, head};

/// What a sealed thing is kept for. Each purpose has a wrapping key of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// Title, agenda, description, patient's name, phone and e-mail of a session.
    Sessions,
    /// Notes written during or after a session.
    Notes,
    /// The ePHI details of audit entries, with the key of their commitment.
    AuditDetails,
    /// Pictures.
    Snapshots,
    /// Marks: where they are, and what was seen around them.
    Marks,
    /// The private keys that open what devices seal to a session.
    SessionKeys,
    /// Secrets of members' second factors.
    SecondFactors,
}

impl Purpose {
    /// The name that is bound into keys and headers. Never changed: what was sealed under it would not open.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Notes => "notes",
            Self::AuditDetails => "audit-details",
            Self::Snapshots => "snapshots",
            Self::Marks => "marks",
            Self::SessionKeys => "session-keys",
            Self::SecondFactors => "second-factors",
        }
    }
}

/// The place a sealed thing belongs to. It opens there and nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Item<'a> {
    /// What it is kept for.
    pub purpose: Purpose,
    /// Which one: unique within the organisation and purpose. 1 to 128 printable ASCII characters.
    pub object: &'a str,
    /// The session it belongs to, if it belongs to one.
    pub session: Option<&'a str>,
}

/// An organisation's key at hand. Wiped when dropped, prints its name only.
pub struct Organisation {
    name: String,
    pub(super) key: Key,
    id: KeyId,
}

impl Organisation {
    /// Seals `plaintext` under a key of its own: [`HEAD`] bytes of head, then the container. May be kept as one, or the head
    /// in the database and the container as a blob.
    ///
    /// # Errors
    /// [`Error::Seal`] for an identifier out of bounds, no randomness, or more bytes than a container takes.
    pub fn seal(&self, item: Item<'_>, plaintext: &[u8]) -> Result<Vec<u8>, Error> {
        let (header, key) = (self.header(item)?, Key::random()?);
        let mut sealed = head::make(self.id, &self.purpose_key(item.purpose)?, &key, &header)?.to_vec();
        sealed.append(&mut container::seal(&key, &header, plaintext)?);
        Ok(sealed)
    }

    /// Opens what [`Self::seal`] made for the same `item`.
    ///
    /// # Errors
    /// [`Error::OtherKey`] before or after a rotation, [`Error::Head`] for bytes that are nothing sealed, [`Error::Seal`]
    /// when they were changed or sealed for another item, purpose, session or organisation.
    pub fn open(&self, item: Item<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let header = self.header(item)?;
        let (head, container) = head::split(sealed)?;
        let key = head::open(self.id, &self.purpose_key(item.purpose)?, head, &header)?;
        Ok(container::open(&key, &header, container)?)
    }

    /// The head for an object that a device sealed under `key`: its container is taken over as it is.
    ///
    /// # Errors
    /// [`Error::Seal`] for an identifier out of bounds.
    pub fn adopt(&self, item: Item<'_>, key: &Key) -> Result<[u8; HEAD], Error> {
        head::make(self.id, &self.purpose_key(item.purpose)?, key, &self.header(item)?)
    }

    /// The key in an object's head.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn object_key(&self, item: Item<'_>, head: &[u8]) -> Result<Key, Error> {
        head::open(self.id, &self.purpose_key(item.purpose)?, head, &self.header(item)?)
    }

    /// What a container's context is, on the device and here.
    ///
    /// # Errors
    /// [`Error::Seal`] for an identifier out of bounds.
    pub fn header(&self, item: Item<'_>) -> Result<Header, Error> {
        Ok(Header::new(&self.name, item.session, item.object, item.purpose.as_str())?)
    }

    /// What receipts are signed with. The same for the life of the organisation's key.
    ///
    /// # Errors
    /// Never in practice.
    pub fn receipt_key(&self) -> Result<SigningKey, Error> {
        // One derived number in 2³² is no scalar of the curve; then the next one is taken.
        for attempt in 0..u8::MAX {
            match SigningKey::from_bytes(self.key.derive("receipt-key", &[attempt])?.expose()) {
                Err(handlens_seal::Error::SigningKey) => {}
                made => return Ok(made?),
            }
        }
        Err(handlens_seal::Error::SigningKey.into())
    }

    /// The head that takes the place of the first [`HEAD`] bytes of `sealed` when the organisation's key changes from this
    /// one to `new`. The container stays as it is; `sealed` may be the head alone. Done twice it changes nothing.
    ///
    /// # Errors
    /// [`Error::OtherOrganisation`], or as [`Self::open`].
    pub fn rewrap(&self, new: &Self, item: Item<'_>, sealed: &[u8]) -> Result<[u8; HEAD], Error> {
        if self.name != new.name {
            return Err(Error::OtherOrganisation);
        }
        let header = self.header(item)?;
        let from = if head::wrapped_under(sealed)? == new.id { new } else { self };
        let key = head::open(from.id, &from.purpose_key(item.purpose)?, sealed, &header)?;
        head::make(new.id, &new.purpose_key(item.purpose)?, &key, &header)
    }

    /// Which organisation.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which of its keys, as heads name it.
    pub fn id(&self) -> KeyId {
        self.id
    }

    pub(super) fn new(name: &str, key: Key) -> Result<Self, Error> {
        let id = KeyId::of(&key)?;
        Ok(Self { name: name.into(), key, id })
    }

    fn purpose_key(&self, purpose: Purpose) -> Result<Key, Error> {
        Ok(self.key.derive("purpose-key", purpose.as_str().as_bytes())?)
    }
}

impl fmt::Debug for Organisation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Organisation({}, {})", self.name, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use handlens_seal::Error as Sealing;

    const ITEM: Item<'_> = Item { purpose: Purpose::Sessions, object: "session-1", session: Some("session-1") };
    const NAME: &[u8] = b"Anna Beispiel, +43 660 1234567";

    fn organisation(name: &str, key: u8) -> Organisation {
        Organisation::new(name, Key::from_bytes(&[key; 32])).unwrap()
    }

    /// What was sealed opens to the same bytes; nothing of them can be seen; sealed again it is other bytes.
    #[test]
    fn sealed_is_opened() {
        let organisation = organisation("org-1", 1);
        let big = vec![7; 3_000_000];
        for plaintext in [&b""[..], NAME, &big] {
            let sealed = organisation.seal(ITEM, plaintext).unwrap();
            assert_eq!(organisation.open(ITEM, &sealed).unwrap().as_slice(), plaintext);
            assert_ne!(organisation.seal(ITEM, plaintext).unwrap(), sealed);
        }
        let sealed = organisation.seal(ITEM, NAME).unwrap();
        let holds = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        assert!(!holds(&sealed, b"Anna"));
        assert!(holds(&[&sealed, NAME].concat(), b"Anna"), "the control: a planted name is found");
    }

    /// Any flipped byte, any missing or added one: nothing opens, and nothing panics.
    #[test]
    fn a_changed_byte_is_found() {
        let organisation = organisation("org-1", 1);
        let sealed = organisation.seal(ITEM, NAME).unwrap();
        assert!(organisation.open(ITEM, &sealed).is_ok(), "the control: untouched, it opens");
        for position in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[position] ^= 1;
            let error = organisation.open(ITEM, &changed).unwrap_err();
            match position {
                0 => assert!(matches!(error, Error::Head { .. })),
                1..=8 => assert!(matches!(error, Error::OtherKey { .. })),
                9..HEAD => assert!(matches!(error, Error::Seal(Sealing::Wrap))),
                _ => assert!(matches!(error, Error::Seal(Sealing::Commitment | Sealing::Chunk { .. }))),
            }
            assert!(organisation.open(ITEM, &sealed[..position]).is_err());
        }
        assert!(organisation.open(ITEM, &[&sealed[..], b"\0"].concat()).is_err());
    }

    /// A row moved to another object, session, purpose or organisation does not open there.
    #[test]
    fn it_opens_in_its_own_place_only() {
        let home = organisation("org-1", 1);
        let sealed = home.seal(ITEM, NAME).unwrap();
        let refused = |organisation: &Organisation, item| organisation.open(item, &sealed).unwrap_err();

        assert!(matches!(refused(&home, Item { object: "session-2", ..ITEM }), Error::Seal(Sealing::WrapHeader)));
        assert!(matches!(refused(&home, Item { session: None, ..ITEM }), Error::Seal(Sealing::WrapHeader)));
        assert!(matches!(refused(&home, Item { purpose: Purpose::Notes, ..ITEM }), Error::Seal(Sealing::Wrap)));
        assert!(matches!(refused(&organisation("org-1", 2), ITEM), Error::OtherKey { .. }));
        // Even with the same key, as no two organisations have it.
        assert!(matches!(refused(&organisation("org-2", 1), ITEM), Error::Seal(Sealing::WrapHeader)));
        assert!(matches!(home.seal(Item { object: "a b", ..ITEM }, b""), Err(Error::Seal(Sealing::Identifier { .. }))));
    }

    /// One object's container behind another object's head is refused, though both are whole.
    #[test]
    fn head_and_container_belong_together() {
        let organisation = organisation("org-1", 1);
        let (one, two) = (organisation.seal(ITEM, NAME).unwrap(), organisation.seal(ITEM, NAME).unwrap());
        let mixed = [&one[..HEAD], &two[HEAD..]].concat();
        assert!(matches!(organisation.open(ITEM, &mixed), Err(Error::Seal(Sealing::Commitment))));
    }

    /// A new organisation key takes over head by head, without a byte of a container changing, and can begin again.
    #[test]
    fn rotation_leaves_containers_alone() {
        let (old, new) = (organisation("org-1", 1), organisation("org-1", 2));
        let before = old.seal(ITEM, NAME).unwrap();
        let head = old.rewrap(&new, ITEM, &before[..HEAD]).unwrap();
        let after = [&head[..], &before[HEAD..]].concat();

        assert_eq!(new.open(ITEM, &after).unwrap().as_slice(), NAME);
        assert!(matches!(old.open(ITEM, &after), Err(Error::OtherKey { .. })));
        assert!(matches!(new.open(ITEM, &before), Err(Error::OtherKey { .. })), "the control: without the new head");
        assert_eq!(old.rewrap(&new, ITEM, &after).unwrap(), head);

        assert!(matches!(old.rewrap(&organisation("org-2", 2), ITEM, &before), Err(Error::OtherOrganisation)));
        assert!(old.rewrap(&new, Item { object: "other", ..ITEM }, &before).is_err());
        assert!(matches!(old.rewrap(&new, ITEM, &before[..HEAD - 1]), Err(Error::Head { length: 80 })));
    }

    /// What a device sealed under a key of its own opens here by the head we made for it, as our own does; a head for
    /// another object does not open it.
    #[test]
    fn a_device_s_object_is_adopted() {
        let organisation = organisation("org-1", 1);
        let item = Item { purpose: Purpose::Snapshots, object: "obj-1", session: Some("session-1") };
        let theirs = Header::new("org-1", Some("session-1"), "obj-1", "snapshots").unwrap();
        let key = Key::random().unwrap();
        let container = container::seal(&key, &theirs, NAME).unwrap();
        let head = organisation.adopt(item, &key).unwrap();
        assert_eq!(organisation.object_key(item, &head).unwrap(), key);
        assert_eq!(organisation.open(item, &[&head[..], &container].concat()).unwrap().as_slice(), NAME);
        assert!(organisation.object_key(Item { object: "obj-2", ..item }, &head).is_err());
    }

    /// Receipts of one organisation have one key, also after a restart, and no other organisation has it.
    #[test]
    fn receipts_have_one_key() {
        let public = |key| organisation("org-1", key).receipt_key().unwrap().public();
        assert_eq!(public(1), public(1));
        assert_ne!(public(1), public(2));
    }

    /// Nothing of the key is printed.
    #[test]
    fn an_organisation_prints_no_key() {
        let printed = format!("{:?}", organisation("org-1", 0xab));
        assert!(!printed.contains("abab") && printed.contains("org-1"), "{printed}");
    }
}
