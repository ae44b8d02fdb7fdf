//! Why the server closed a realtime connection: the code of its WebTransport session, QUIC connection or WebSocket.
//!
//! MoQ leaves 64 and above to the application. `console/src/realtime/close.ts` has the same numbers; a test compares them.

/// The first code that is ours.
pub const FIRST: u32 = 64;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $wire:literal, $reason:literal;)*) => {
        /// Why the server closed a connection. Numbers are never given away again; new ones may come.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum CloseCode {
            $($(#[$doc])* $name,)*
        }

        impl CloseCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The number that travels.
            pub const fn wire(self) -> u32 {
                match self { $(Self::$name => $wire),* }
            }

            /// The same for whoever reads a trace.
            pub const fn reason(self) -> &'static str {
                match self { $(Self::$name => $reason),* }
            }
        }
    };
}

codes! {
    /// The ticket was never issued, or has been revoked. Ask for a new one.
    TicketUnknown = 64, "ticket unknown";
    /// The ticket is older than 10 s. Ask for a new one.
    TicketExpired = 65, "ticket expired";
    /// The ticket was used before. Ask for a new one, and wonder who did.
    TicketReplayed = 66, "ticket already used";
    /// The relay holds as many connections as it may. Try later.
    Full = 67, "relay is full";
    /// Consent, login or participant ended. Ask over HTTPS what is still allowed.
    LeaseEnded = 68, "lease ended";
    /// The session was closed.
    SessionClosed = 69, "session closed";
    /// Newer connections of the same participant took its place.
    Superseded = 70, "superseded";
    /// The server stops. Connect again.
    Shutdown = 71, "server stops";
    /// The client lacks something that is required.
    Unsupported = 72, "unsupported";
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers follow each other from the first that is ours: none means two things, and none means something of MoQ's.
    #[test]
    fn a_number_means_one_thing() {
        assert!(CloseCode::ALL.iter().map(|code| code.wire()).eq((FIRST..).take(CloseCode::ALL.len())));
    }
}
