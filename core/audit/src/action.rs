//! The closed catalogue of what can be done.

use std::fmt;

macro_rules! catalogue {
    ($($(#[$doc:meta])+ $variant:ident = $name:literal,)+) => {
        /// What was done. Closed: an entry with a name that is not here is refused, so that a log cannot hold what its
        /// reader does not know. New actions are added at the end with a new name; none is renamed or removed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Action { $($(#[$doc])+ $variant,)+ }

        impl Action {
            /// The whole catalogue, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The dotted name that stands in the entry.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

catalogue! {
    /// The log of an origin begins. Always entry 0, and only entry 0.
    OriginOpen = "origin.open",
    /// The log of an origin is complete: nothing can follow in it.
    OriginClose = "origin.close",
    /// A server process began to serve.
    ServerStart = "server.start",
    /// The organisation was made.
    OrganisationCreate = "organisation.create",
    /// A lost administrator was recovered from the command line.
    AdminRecover = "admin.recover",
    /// Somebody logged in.
    UserLogin = "user.login",
    /// A login was refused.
    UserLoginRefused = "user.login_refused",
    /// Somebody logged out.
    UserLogout = "user.logout",
    /// A session was made.
    SessionCreate = "session.create",
    /// The sessions were listed.
    SessionList = "session.list",
    /// The ePHI of a session was read.
    SessionRead = "session.read",
    /// A session ended.
    SessionEnd = "session.end",
    /// A note was written.
    SessionNote = "session.note",
    /// The picture was frozen for everybody.
    SessionFreeze = "session.freeze",
    /// The picture went on.
    SessionUnfreeze = "session.unfreeze",
    /// The log was read on the screen.
    LogRead = "log.read",
    /// The log was exported.
    LogExport = "log.export",
    /// A link was made.
    InviteCreate = "invite.create",
    /// A link was turned off.
    InviteRevoke = "invite.revoke",
    /// A link was redeemed by a device.
    InviteRedeem = "invite.redeem",
    /// A redemption was refused.
    InviteRedeemRefused = "invite.redeem_refused",
    /// The person who got the link said "not me".
    InviteRefuse = "invite.refuse",
    /// The person who got the link asked for a new one.
    InviteAgain = "invite.again",
    /// A participant came to the waiting room.
    ParticipantArrive = "participant.arrive",
    /// A participant was admitted.
    ParticipantAdmit = "participant.admit",
    /// A participant was turned away.
    ParticipantDecline = "participant.decline",
    /// A participant left.
    ParticipantLeave = "participant.leave",
    /// A consent was given, signed by the device.
    ConsentGrant = "consent.grant",
    /// A consent was taken back.
    ConsentRevoke = "consent.revoke",
    /// A realtime lease was given.
    RealtimeLease = "realtime.lease",
    /// A realtime lease ended.
    RealtimeLeaseEnd = "realtime.lease_end",
    /// A mark was committed.
    MarkCommit = "mark.commit",
    /// A mark was undone.
    MarkUndo = "mark.undo",
    /// Somebody's marks were cleared.
    MarkClear = "mark.clear",
    /// A photo was asked for.
    SnapshotRequest = "snapshot.request",
    /// A photo arrived whole.
    SnapshotReceive = "snapshot.receive",
    /// A photo was opened.
    SnapshotRead = "snapshot.read",
    /// A link was looked at for the first time.
    InviteOpen = "invite.open",
    /// A guest said whether the visit helped them.
    GuestFeedback = "guest.feedback",
    /// A guest said no to a photo.
    SnapshotDecline = "snapshot.decline",
}

impl Action {
    /// The action of that name, or `None` if the catalogue has none.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.as_str() == name)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::Token;

    /// Every name is its own, can stand in an entry, and is read back as the same action; no other name is.
    #[test]
    fn names_and_actions_are_one_to_one() {
        let names: BTreeSet<_> = Action::ALL.iter().map(|action| action.as_str()).collect();
        assert_eq!(names.len(), Action::ALL.len());
        for action in Action::ALL {
            assert_eq!(Action::parse(action.as_str()), Some(*action));
            assert!(Token::new(action.as_str()).is_ok());
        }
        assert_eq!(Action::parse("session.delete_quietly"), None);
    }

    /// Whoever writes a verifier from the document, as the second one was, knows the whole catalogue and no more.
    #[test]
    fn the_document_has_the_whole_catalogue() {
        let catalogue: Vec<_> = Action::ALL.iter().map(|action| action.as_str()).collect();
        for text in
            [include_str!("../../../docs/audit-format.md"), include_str!("../../../tests/vectors/audit/verify.py")]
        {
            let from = text.find("origin.open origin.close").unwrap();
            let list = &text[from..];
            let list = &list[..list.find(['`', '"']).unwrap()];
            assert_eq!(list.split_whitespace().collect::<BTreeSet<_>>(), catalogue.iter().copied().collect());
        }
    }
}
