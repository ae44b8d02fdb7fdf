/**
 * What is said between page and server. The contract is `core/protocol/src/{api,state,consent,broadcast,problem}.rs`;
 * the names here are the names there. Times ending in `_us` are µs since the Unix epoch unless said otherwise.
 */

export type SessionId = string;
export type ParticipantId = string;
export type InviteId = string;

export type Role = 'super_admin' | 'admin' | 'technician' | 'guest';
export type Phase = 'waiting' | 'live' | 'ended';
export type Presence = 'waiting' | 'admitted' | 'declined' | 'left';
export type ParticipantKind = 'technician' | 'guest';
export type Purpose = 'camera' | 'microphone' | 'snapshots' | 'recording';
export type Decision = 'grant' | 'revoke';
export type EndReason = 'technician' | 'idle';
export type CameraPresence = 'on' | 'paused' | 'hidden' | 'stopped' | 'off';
export type BroadcastPurpose = 'camera' | 'microphone' | 'data';

// ---- state ---------------------------------------------------------------------------------------------------------

export interface SessionState {
  v: number;
  organisation: string;
  session: SessionId;
  /** Grows by one with every change. */
  revision: number;
  at_us: number;
  phase: Phase;
  participants: Participant[];
  frozen?: Frozen;
  ended?: Ended;
}

export interface Participant {
  id: ParticipantId;
  kind: ParticipantKind;
  /** First name of staff; empty for a guest. */
  name: string;
  presence: Presence;
  grants: Purpose[];
  /** What they still allowed when they left, which ended it. */
  grants_until_left?: Purpose[];
  device: string;
  arrived_us: number;
  admitted_us?: number;
  /** Whether it helped, once a guest said so. */
  helped?: boolean;
}

export interface Frozen {
  participant: ParticipantId;
  /** Capture time on that publisher's clock, µs. */
  frame_us: number;
  since_us: number;
}

export interface Ended {
  reason: EndReason;
  at_us: number;
}

/** What a device says on the `presence` track of its data broadcast. */
export interface DevicePresence {
  v: number;
  camera: CameraPresence;
  /** The capture clock at the moment of writing, µs. */
  clock_us: number;
  /** The same moment by the device's wall clock, µs since the Unix epoch. */
  unix_us: number;
}

/** What a viewer says of one camera on the `report` track of its data broadcast, twice a second. */
export interface ReceiverReport {
  v: number;
  /** Whose camera it is about. */
  participant: ParticipantId;
  /** On the viewer's own monotonic clock, µs. */
  at_us: number;
  received_bps: number;
  frames_shown: number;
  queue_delay_ms: number;
}

// ---- staff ---------------------------------------------------------------------------------------------------------

export interface SetupState {
  open: boolean;
}

export interface Setup {
  secret: string;
  organisation: string;
  /** The number patients can call; may be empty. */
  phone: string;
  name: string;
  email: string;
  password: string;
}

export interface Login {
  email: string;
  password: string;
}

export interface Me {
  user: string;
  name: string;
  email: string;
  role: Role;
  organisation: string;
  organisation_name: string;
}

export interface NewSession {
  title: string;
  agenda: string;
  description: string;
  patient_name: string;
  patient_phone: string;
  patient_email: string;
}

export interface SessionList {
  sessions: SessionSummary[];
  /** Pass as `before` for the next page. */
  next?: number;
}

export interface SessionSummary {
  id: SessionId;
  title: string;
  patient_name: string;
  phase: Phase;
  technician: string;
  created_us: number;
  ended_us?: number;
}

export interface SessionView extends NewSession {
  id: SessionId;
  created_us: number;
  state: SessionState;
  invites: InviteView[];
  /** The asking technician's own place in the session. */
  me: ParticipantId;
}

export interface InviteView {
  id: InviteId;
  words: string;
  created_us: number;
  expires_us: number;
  opened_us?: number;
  redeemed_us?: number;
  revoked_us?: number;
  again_us?: number;
  participant?: ParticipantId;
}

export interface InviteCreated {
  invite: InviteView;
  /** `https://…/j#…`: shown this once. */
  link: string;
}

export interface StaffEvent {
  state: SessionState;
  invites: InviteView[];
}

export interface Freeze {
  participant: ParticipantId;
  frame_us: number;
}

export interface Note {
  text: string;
  revision: number;
}

export interface NoteWritten {
  revision: number;
}

export interface SessionLog {
  entries: LogEntry[];
}

export interface LogEntry {
  sequence: number;
  time_us: number;
  action: string;
  /** `ok`, or `refused:code`. */
  outcome: string;
  actor_kind: 'user' | 'guest' | 'system';
  actor: string;
  actor_name: string;
  role: string;
  object: string;
}

// ---- guests --------------------------------------------------------------------------------------------------------

export interface Wording {
  purpose: Purpose;
  language: string;
  /** Shown as it is; its SHA-256 is signed. */
  text: string;
}

export interface Peek {
  organisation: string;
  organisation_phone?: string;
  technician: string;
  words: string;
  expires_us: number;
  used: boolean;
  wordings: Wording[];
}

export interface Redeem {
  secret: string;
  public_key: string;
  expires_us: number;
  signature: string;
  device: string;
  take_over: boolean;
}

export interface GuestView {
  organisation: string;
  organisation_name: string;
  organisation_phone?: string;
  session: SessionId;
  participant: ParticipantId;
  technician: string;
  words: string;
  presence: Presence;
  phase: Phase;
  grants: Purpose[];
  wordings: Wording[];
}

export interface GuestEvent {
  presence: Presence;
  phase: Phase;
  grants: Purpose[];
  frozen?: Frozen;
}

export interface Consent {
  purpose: Purpose;
  decision: Decision;
  wording_sha256: string;
  language: string;
  nonce: string;
  expires_us: number;
  signature: string;
}

// ---- realtime ------------------------------------------------------------------------------------------------------

export interface Ticket {
  /** Single use, 10 s. Never in a URL. */
  ticket: string;
  udp_url: string;
  /** SHA-256 of the UDP port's certificates, base64. */
  certificate_sha256: string[];
  websocket_url: string;
  publish: string[];
  subscribe: string[];
  /** Purposes of `publish`, in the same order. */
  purposes: BroadcastPurpose[];
}

// ---- problems ------------------------------------------------------------------------------------------------------

/** `core/protocol/src/problem.rs`. Codes are never renamed; new ones may come. */
export type ProblemCode =
  | 'malformed'
  | 'too-large'
  | 'invalid'
  | 'not-logged-in'
  | 'wrong-credentials'
  | 'forbidden'
  | 'foreign-origin'
  | 'not-found'
  | 'method-not-allowed'
  | 'too-many'
  | 'conflict'
  | 'setup-closed'
  | 'invite-unknown'
  | 'invite-expired'
  | 'invite-used'
  | 'invite-revoked'
  | 'session-ended'
  | 'not-admitted'
  | 'bad-signature'
  | 'bad-wording'
  | 'stale-statement'
  | 'no-consent'
  | 'internal';

/** `application/problem+json`. */
export interface Problem {
  code: ProblemCode;
  status: number;
  title: string;
  /** A sentence for people. */
  detail: string;
  /** Whose link was refused. */
  host?: Host;
}

/** An organisation as patients know it. */
export interface Host {
  organisation: string;
  organisation_phone?: string;
}
