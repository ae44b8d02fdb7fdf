//! The policy table.

use handlens_protocol::{Role, broadcast, consent};

/// How far a permission goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Everything of the organisation.
    Organisation,
    /// Only sessions this person holds.
    Own,
}

/// Who a row lets in.
#[derive(Clone, Copy, Debug)]
pub enum Who {
    /// Anybody; the handler counts attempts.
    Anyone,
    /// Logged-in staff of these roles, each with its reach.
    Staff(&'static [(Role, Reach)]),
    /// The guest whose cookie it is, for their own session and person only.
    Guest,
    /// The same for what their device still has to send, also for a while after the session. It gives nothing else.
    Uploader,
}

/// One rule.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// `GET`, `POST`, `PUT`, `PATCH`; `HEAD` without a row of its own is asked as `GET`.
    pub method: &'static str,
    /// The route as it is registered.
    pub path: &'static str,
    /// Who may.
    pub who: Who,
    /// A WebSocket: the request must name our origin exactly.
    pub socket: bool,
}

/// Who publishes and who reads a kind of broadcast.
#[derive(Clone, Copy, Debug)]
pub struct Broadcast {
    /// Which kind.
    pub purpose: broadcast::Purpose,
    /// Staff publish it in a session that is theirs.
    pub staff: bool,
    /// Admitted guests publish it.
    pub guest: bool,
    /// What a guest must have allowed, by a statement that is in force, to publish it.
    pub consent: Option<consent::Purpose>,
    /// Guests read it when staff publish it. Staff read everything of a session that is theirs.
    pub read_by_guests: bool,
}

/// The rule of a broadcast. There is one for each purpose: the compiler asks for a new one's.
pub const fn broadcast(purpose: broadcast::Purpose) -> Broadcast {
    use broadcast::Purpose as Kind;
    match purpose {
        Kind::Camera => Broadcast {
            purpose,
            staff: false,
            guest: true,
            consent: Some(consent::Purpose::Camera),
            read_by_guests: false,
        },
        Kind::Microphone => Broadcast {
            purpose,
            staff: false,
            guest: true,
            consent: Some(consent::Purpose::Microphone),
            read_by_guests: false,
        },
        Kind::Data => Broadcast { purpose, staff: true, guest: true, consent: None, read_by_guests: true },
    }
}

/// The rule of a route, or `None`: denied.
pub fn row(method: &str, path: &str) -> Option<&'static Row> {
    let find = |method| TABLE.iter().find(|row| row.method == method && row.path == path);
    find(method).or_else(|| if method == "HEAD" { find("GET") } else { None })
}

const SUPER_ADMIN: Role = Role::SuperAdmin;
const ADMIN: Role = Role::Admin;
const TECHNICIAN: Role = Role::Technician;

/// Everybody on the staff, technicians for what is theirs.
const STAFF: Who =
    Who::Staff(&[(SUPER_ADMIN, Reach::Organisation), (ADMIN, Reach::Organisation), (TECHNICIAN, Reach::Own)]);

const fn rule(method: &'static str, path: &'static str, who: Who) -> Row {
    Row { method, path, who, socket: false }
}

const fn socket(path: &'static str, who: Who) -> Row {
    Row { method: "GET", path, who, socket: true }
}

/// All of it.
#[rustfmt::skip]
pub const TABLE: &[Row] = &[
    rule("GET",  "/api/health",                                             Who::Anyone),
    rule("GET",  "/api/openapi.json",                                       Who::Anyone),
    rule("GET",  "/api/setup",                                              Who::Anyone),
    rule("POST", "/api/setup",                                              Who::Anyone),
    rule("POST", "/api/login",                                              Who::Anyone),
    rule("POST", "/api/invites/peek",                                       Who::Anyone),
    rule("POST", "/api/invites/redeem",                                     Who::Anyone),
    rule("POST", "/api/invites/refuse",                                     Who::Anyone),
    rule("POST", "/api/invites/again",                                      Who::Anyone),

    rule("POST", "/api/logout",                                             STAFF),
    rule("GET",  "/api/me",                                                 STAFF),
    rule("GET",  "/api/sessions",                                           STAFF),
    rule("POST", "/api/sessions",                                           STAFF),
    rule("GET",  "/api/sessions/{session}",                                 STAFF),
    rule("GET",  "/api/sessions/{session}/events",                          STAFF),
    rule("POST", "/api/sessions/{session}/invites",                         STAFF),
    rule("POST", "/api/sessions/{session}/invites/{invite}/revoke",         STAFF),
    rule("POST", "/api/sessions/{session}/participants/{participant}/admit",   STAFF),
    rule("POST", "/api/sessions/{session}/participants/{participant}/decline", STAFF),
    rule("POST", "/api/sessions/{session}/freeze",                          STAFF),
    rule("POST", "/api/sessions/{session}/unfreeze",                        STAFF),
    rule("POST", "/api/sessions/{session}/marks",                           STAFF),
    rule("POST", "/api/sessions/{session}/marks/undo",                      STAFF),
    rule("POST", "/api/sessions/{session}/marks/clear",                     STAFF),
    rule("GET",  "/api/sessions/{session}/note",                            STAFF),
    rule("PUT",  "/api/sessions/{session}/note",                            STAFF),
    rule("POST", "/api/sessions/{session}/end",                             STAFF),
    rule("GET",  "/api/sessions/{session}/log",                             STAFF),
    rule("POST", "/api/sessions/{session}/tickets",                         STAFF),
    socket(      "/api/sessions/{session}/realtime",                        STAFF),

    rule("POST", "/api/sessions/{session}/photos",                          STAFF),
    rule("GET",  "/api/sessions/{session}/snapshots/{object}",              STAFF),

    rule("GET",  "/api/guest",                                              Who::Guest),
    rule("GET",  "/api/guest/events",                                       Who::Guest),
    rule("POST", "/api/guest/consents",                                     Who::Guest),
    rule("POST", "/api/guest/leave",                                        Who::Guest),
    rule("POST", "/api/guest/feedback",                                     Who::Guest),
    rule("POST", "/api/guest/tickets",                                      Who::Guest),
    socket(      "/api/guest/realtime",                                     Who::Guest),
    rule("POST", "/api/guest/photos/decline",                               Who::Guest),
    rule("POST", "/api/guest/uploads",                                      Who::Uploader),
    rule("HEAD", "/api/guest/uploads/{object}",                             Who::Uploader),
    rule("PATCH", "/api/guest/uploads/{object}",                            Who::Uploader),
    rule("GET",  "/api/guest/uploads/{object}/receipt",                     Who::Uploader),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// A guest is on no staff route, staff on no guest route, and no route has two rules.
    #[test]
    fn rules_do_not_overlap() {
        for (at, row) in TABLE.iter().enumerate() {
            let guest = matches!(row.who, Who::Guest | Who::Uploader);
            assert_eq!(guest, row.path.starts_with("/api/guest"), "{}", row.path);
            if let Who::Staff(roles) = row.who {
                assert!(roles.iter().all(|(role, _)| *role != Role::Guest), "{}", row.path);
            }
            assert!(
                !TABLE[..at].iter().any(|other| (other.method, other.path) == (row.method, row.path)),
                "{}",
                row.path
            );
        }
    }

    /// What outlives the session lets a guest write, ask how far that came, and have the receipt; nothing comes back.
    #[test]
    fn late_guests_only_upload() {
        let late: Vec<_> = TABLE.iter().filter(|row| matches!(row.who, Who::Uploader)).collect();
        assert_eq!(late.len(), 4);
        for row in late {
            assert!(row.path.starts_with("/api/guest/uploads") && !row.socket, "{}", row.path);
            assert!(row.method != "GET" || row.path.ends_with("/receipt"), "{}", row.path);
        }
    }

    /// No picture and no sound without a consent of its own, and no guest sees another guest.
    #[test]
    fn pictures_and_sound_need_consent() {
        for purpose in broadcast::Purpose::ALL {
            let rule = broadcast(purpose);
            assert_eq!(rule.consent.is_none(), purpose == broadcast::Purpose::Data, "{purpose:?}");
            assert!(!rule.read_by_guests || rule.staff, "{purpose:?}");
        }
    }

    /// What is not in the table is denied.
    #[test]
    fn an_unknown_route_has_no_rule() {
        assert!(row("DELETE", "/api/sessions").is_none());
        assert!(row("GET", "/api/everything").is_none());
        assert!(row("HEAD", "/api/me").is_some());
        assert!(row("GET", "/api/guest/uploads/{object}").is_none());
    }
}
