/** Why the server closed a connection. The contract is `core/protocol/src/close.rs`; a test compares the numbers. */
export const CLOSE = {
  TicketUnknown: 64,
  TicketExpired: 65,
  TicketReplayed: 66,
  Full: 67,
  LeaseEnded: 68,
  SessionClosed: 69,
  Superseded: 70,
  Shutdown: 71,
  Unsupported: 72,
} as const;
