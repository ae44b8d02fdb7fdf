/**
 * What is said between page and server. The contract is `core/protocol/src/{api,state,consent,broadcast,problem}.rs`;
 * the names here are the names there. Times ending in `_us` are µs since the Unix epoch unless said otherwise.
 */

export type SessionId = string;
export type ParticipantId = string;
export type InviteId = string;
export type MarkId = string;
export type ObjectId = string;
export type RequestId = string;

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
  /** The photo that somebody was asked for and has not answered. */
  photo?: PhotoRequest;
  /** In the order they were announced. */
  snapshots?: SnapshotState[];
  ended?: Ended;
}

export interface PhotoRequest {
  id: RequestId;
  participant: ParticipantId;
  at_us: number;
}

/** One sealed picture, as far as it is known without opening it. */
export interface SnapshotState {
  id: ObjectId;
  participant: ParticipantId;
  request?: RequestId;
  announced_us: number;
  /** Bytes of the sealed picture, and how many have arrived. */
  bytes: number;
  received: number;
  /** When it was stored whole, its digest checked. */
  stored_us?: number;
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
  /** None when the session was full, or over, before this person came. */
  me?: ParticipantId;
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

// ---- marks (core/protocol/src/mark.rs) ------------------------------------------------------------------------------

/** Normalised image coordinates: (0, 0) top left, (1, 1) bottom right. */
export interface Point {
  x: number;
  y: number;
}

export type Geometry =
  | { kind: 'point'; at: Point }
  | { kind: 'arrow'; from: Point; to: Point }
  | { kind: 'freehand'; points: Point[] }
  | { kind: 'rectangle' | 'ellipse'; from: Point; to: Point };

export type Colour = 'yellow' | 'cyan' | 'pink' | 'white';

export interface MarkStyle {
  colour: Colour;
  /** Of the picture's width, 0.001 to 0.05. */
  width: number;
}

/** Grey picture of what the author saw around the mark; at most 128 pixels a side. */
export interface Patch {
  from: Point;
  to: Point;
  width: number;
  height: number;
  /** Row by row, base64url without padding. */
  grey: string;
}

export interface NewMark {
  id: MarkId;
  camera: ParticipantId;
  /** Of the frame that was being looked at, µs on that camera's clock. */
  capture_us: number;
  geometry: Geometry;
  style: MarkStyle;
  patch?: Patch;
}

export interface Mark extends NewMark {
  v: number;
  author: ParticipantId;
}

/** Track `marks` of the session's own broadcast: every committed mark. */
export interface MarkSet {
  v: number;
  revision: number;
  marks: Mark[];
}

/** Track `marks` of the author's data broadcast; without a stroke the drawing is over. */
export interface Drawing {
  v: number;
  camera: ParticipantId;
  capture_us: number;
  stroke?: { id: MarkId; geometry: Geometry; style: MarkStyle };
}

export type LostReason = 'out_of_view' | 'occluded' | 'blurred' | 'too_little_texture' | 'stale';

/** Where one mark is on one frame. */
export interface MarkPosition {
  id: MarkId;
  state: 'tracked' | 'approximate' | 'lost';
  reason?: LostReason;
  /** 95 % error of its worst point, pixels of a picture 640 wide. */
  error_px: number;
  /** Homography of normalised coordinates, row by row: as drawn to where it is now. */
  map: number[];
  ghost?: { at: Point; direction?: number };
}

/** Track `marks` of the camera's data broadcast: one record a frame. */
export interface MarkFrame {
  v: number;
  capture_us: number;
  marks: MarkPosition[];
}

export interface MarksGone {
  marks: MarkId[];
}

// ---- snapshots (core/protocol/src/snapshot.rs) ----------------------------------------------------------------------

/** What is said of a snapshot inside it. */
export interface SnapshotAbout {
  v: number;
  capture_us: number;
  taken_us: number;
  width: number;
  height: number;
  marks?: { mark: Mark; position: MarkPosition }[];
}

export interface Receipt {
  v: number;
  organisation: string;
  session: SessionId;
  object: ObjectId;
  bytes: number;
  /** Of the sealed object, base64url. */
  sha256: string;
  origin: string;
  sequence: number;
  entry_sha256: string;
  stored_us: number;
  signature: string;
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
  /** P-256 public keys, uncompressed SEC1, base64url: what snapshots are sealed to, and what receipts are signed with. */
  seal_key: string;
  receipt_key: string;
}

export interface GuestEvent {
  /** That of the session's state it was made from: a guest hears both, and the older one has nothing to say. */
  revision: number;
  presence: Presence;
  phase: Phase;
  grants: Purpose[];
  frozen?: Frozen;
  /** The photo this guest is asked for. */
  photo?: PhotoRequest;
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
  | 'offset-mismatch'
  | 'wrong-digest'
  | 'upload-version'
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
