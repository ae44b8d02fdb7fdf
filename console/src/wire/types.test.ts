import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type * as w from './types';

/** What Rust reads and writes too: `core/protocol/tests/records`. */
interface File {
  records: { type: string; json: Json }[];
  parts: { type: string; of: string; at: string }[];
  words: Record<string, string[]>;
}
type Json = Record<string, unknown>;

/** Each key of a type, and whether it may be missing: the compiler holds the lists below to the types. */
type Shape<T> = { [K in keyof T]-?: object extends Pick<T, K> ? 'optional' : 'required' };
const required = 'required';
const optional = 'optional';

/** The records by their name in Rust. */
const SHAPES: Record<string, Record<string, 'required' | 'optional'>> = {
  MarkSet: { v: required, revision: required, marks: required } satisfies Shape<w.MarkSet>,
  Drawing: { v: required, camera: required, capture_us: required, stroke: optional } satisfies Shape<w.Drawing>,
  Frame: { v: required, capture_us: required, marks: required } satisfies Shape<w.MarkFrame>,
  NewMark: {
    id: required, camera: required, capture_us: required, geometry: required, style: required, patch: optional,
  } satisfies Shape<w.NewMark>,
  MarksGone: { marks: required } satisfies Shape<w.MarksGone>,
  DevicePresence: {
    v: required, camera: required, clock_us: required, unix_us: required,
  } satisfies Shape<w.DevicePresence>,
  ReceiverReport: {
    v: required, participant: required, at_us: required, received_bps: required, frames_shown: required,
    queue_delay_ms: required,
  } satisfies Shape<w.ReceiverReport>,
  SessionState: {
    v: required, organisation: required, session: required, revision: required, at_us: required, phase: required,
    participants: required, frozen: optional, photo: optional, snapshots: optional, ended: optional,
  } satisfies Shape<w.SessionState>,
  SetupState: { open: required } satisfies Shape<w.SetupState>,
  Setup: {
    secret: required, organisation: required, phone: required, name: required, email: required, password: required,
  } satisfies Shape<w.Setup>,
  Login: { email: required, password: required } satisfies Shape<w.Login>,
  Me: {
    user: required, name: required, email: required, role: required, organisation: required,
    organisation_name: required,
  } satisfies Shape<w.Me>,
  NewSession: {
    title: required, agenda: required, description: required, patient_name: required, patient_phone: required,
    patient_email: required,
  } satisfies Shape<w.NewSession>,
  SessionList: { sessions: required, next: optional } satisfies Shape<w.SessionList>,
  SessionView: {
    id: required, title: required, agenda: required, description: required, patient_name: required,
    patient_phone: required, patient_email: required, created_us: required, state: required, invites: required,
    me: optional,
  } satisfies Shape<w.SessionView>,
  InviteCreated: { invite: required, link: required } satisfies Shape<w.InviteCreated>,
  StaffEvent: { state: required, invites: required } satisfies Shape<w.StaffEvent>,
  Freeze: { participant: required, frame_us: required } satisfies Shape<w.Freeze>,
  Note: { text: required, revision: required } satisfies Shape<w.Note>,
  WriteNote: { text: required, revision: required } satisfies Shape<w.Note>,
  NoteWritten: { revision: required } satisfies Shape<w.NoteWritten>,
  SessionLog: { entries: required } satisfies Shape<w.SessionLog>,
  Redeem: {
    secret: required, public_key: required, expires_us: required, signature: required, device: required,
    take_over: required,
  } satisfies Shape<w.Redeem>,
  Peek: {
    organisation: required, technician: required, words: required, expires_us: required, used: required,
    wordings: required, organisation_phone: optional,
  } satisfies Shape<w.Peek>,
  GuestView: {
    organisation: required, organisation_name: required, session: required, participant: required, technician: required,
    words: required, presence: required, phase: required, grants: required, wordings: required, seal_key: required,
    receipt_key: required, organisation_phone: optional,
  } satisfies Shape<w.GuestView>,
  GuestEvent: {
    revision: required, presence: required, phase: required, grants: required, frozen: optional, photo: optional,
  } satisfies Shape<w.GuestEvent>,
  Consent: {
    purpose: required, decision: required, wording_sha256: required, language: required, nonce: required,
    expires_us: required, signature: required,
  } satisfies Shape<w.Consent>,
  Receipt: {
    v: required, organisation: required, session: required, object: required, bytes: required, sha256: required,
    origin: required, sequence: required, entry_sha256: required, stored_us: required, signature: required,
  } satisfies Shape<w.Receipt>,
  Ticket: {
    ticket: required, udp_url: required, certificate_sha256: required, websocket_url: required, publish: required,
    subscribe: required, purposes: required,
  } satisfies Shape<w.Ticket>,
  About: {
    v: required, capture_us: required, taken_us: required, width: required, height: required, marks: optional,
  } satisfies Shape<w.SnapshotAbout>,
  Problem: {
    code: required, status: required, title: required, detail: required, host: optional,
  } satisfies Shape<w.Problem>,
  Mark: {
    v: required, id: required, author: required, camera: required, capture_us: required, geometry: required,
    style: required, patch: optional,
  } satisfies Shape<w.Mark>,
  Style: { colour: required, width: required } satisfies Shape<w.MarkStyle>,
  Point: { x: required, y: required } satisfies Shape<w.Point>,
  Patch: { from: required, to: required, width: required, height: required, grey: required } satisfies Shape<w.Patch>,
  Stroke: { id: required, geometry: required, style: required } satisfies Shape<NonNullable<w.Drawing['stroke']>>,
  Ghost: { at: required, direction: optional } satisfies Shape<NonNullable<w.MarkPosition['ghost']>>,
  Position: {
    id: required, state: required, error_px: required, map: required, reason: optional, ghost: optional,
  } satisfies Shape<w.MarkPosition>,
  Participant: {
    id: required, kind: required, name: required, presence: required, grants: required, device: required,
    arrived_us: required, admitted_us: optional, helped: optional, grants_until_left: optional,
  } satisfies Shape<w.Participant>,
  Frozen: { participant: required, frame_us: required, since_us: required } satisfies Shape<w.Frozen>,
  PhotoRequest: { id: required, participant: required, at_us: required } satisfies Shape<w.PhotoRequest>,
  Snapshot: {
    id: required, participant: required, request: optional, announced_us: required, bytes: required, received: required,
    stored_us: optional,
  } satisfies Shape<w.SnapshotState>,
  Ended: { reason: required, at_us: required } satisfies Shape<w.Ended>,
  SessionSummary: {
    id: required, title: required, patient_name: required, phase: required, technician: required, created_us: required,
    ended_us: optional,
  } satisfies Shape<w.SessionSummary>,
  InviteView: {
    id: required, words: required, created_us: required, expires_us: required, opened_us: optional,
    redeemed_us: optional, revoked_us: optional, again_us: optional, participant: optional,
  } satisfies Shape<w.InviteView>,
  LogEntry: {
    sequence: required, time_us: required, action: required, outcome: required, actor_kind: required, actor: required,
    actor_name: required, role: required, object: required,
  } satisfies Shape<w.LogEntry>,
  Wording: { purpose: required, language: required, text: required } satisfies Shape<w.Wording>,
  Placed: { mark: required, position: required } satisfies Shape<NonNullable<w.SnapshotAbout['marks']>[number]>,
  Host: { organisation: required, organisation_phone: optional } satisfies Shape<w.Host>,
};

/** Requests of one or two values, written where they are sent; `records.test.ts` holds them to the file. */
const WITHOUT_A_TYPE = ['NewInvite', 'UndoMark', 'AskPhoto', 'InviteSecret', 'Feedback', 'DeclinePhoto'];
/** Where a phone is, the pages neither say nor ask. */
const NOT_SPOKEN = ['Sample', 'Pose', 'Intrinsics', 'Plane'];

const WORDS = {
  Phase: { waiting: 1, live: 1, ended: 1 } satisfies Record<w.Phase, 1>,
  ParticipantKind: { technician: 1, guest: 1 } satisfies Record<w.ParticipantKind, 1>,
  Presence: { waiting: 1, admitted: 1, declined: 1, left: 1 } satisfies Record<w.Presence, 1>,
  EndReason: { technician: 1, idle: 1 } satisfies Record<w.EndReason, 1>,
  CameraPresence: { on: 1, paused: 1, hidden: 1, stopped: 1, off: 1 } satisfies Record<w.CameraPresence, 1>,
  Role: { super_admin: 1, admin: 1, technician: 1, guest: 1 } satisfies Record<w.Role, 1>,
  ConsentPurpose: { camera: 1, microphone: 1, snapshots: 1, recording: 1 } satisfies Record<w.Purpose, 1>,
  Decision: { grant: 1, revoke: 1 } satisfies Record<w.Decision, 1>,
  BroadcastPurpose: { camera: 1, microphone: 1, data: 1 } satisfies Record<w.BroadcastPurpose, 1>,
  Colour: { yellow: 1, cyan: 1, pink: 1, white: 1 } satisfies Record<w.Colour, 1>,
  LostReason: {
    out_of_view: 1, occluded: 1, blurred: 1, too_little_texture: 1, stale: 1,
  } satisfies Record<w.LostReason, 1>,
  GeometryKind: { point: 1, arrow: 1, freehand: 1, rectangle: 1, ellipse: 1 } satisfies Record<w.Geometry['kind'], 1>,
  State: { tracked: 1, approximate: 1, lost: 1 } satisfies Record<w.MarkPosition['state'], 1>,
  ProblemCode: {
    malformed: 1, 'too-large': 1, invalid: 1, 'not-logged-in': 1, 'wrong-credentials': 1, forbidden: 1,
    'foreign-origin': 1, 'not-found': 1, 'method-not-allowed': 1, 'too-many': 1, conflict: 1, 'setup-closed': 1,
    'invite-unknown': 1, 'invite-expired': 1, 'invite-used': 1, 'invite-revoked': 1, 'session-ended': 1,
    'not-admitted': 1, 'bad-signature': 1, 'bad-wording': 1, 'stale-statement': 1, 'no-consent': 1,
    'offset-mismatch': 1, 'wrong-digest': 1, 'upload-version': 1, internal: 1,
  } satisfies Record<w.ProblemCode, 1>,
};

const path = new URL('../../../tests/vectors/protocol/records.json', import.meta.url);
const file = JSON.parse(readFileSync(path, 'utf8')) as File;
const of = (type: string) => file.records.filter((entry) => entry.type === type).map(({ json }) => json);

/** What lies at `at`; nothing where an optional key is missing. */
function inside(outer: Json[], at: string): Json[] {
  const step = (value: Json, key: string) => (key === '*' ? Object.values(value) : [value[key]]);
  const steps = (values: Json[], key: string) => values.flatMap((value) => step(value, key)) as (Json | undefined)[];
  return at.split('/').reduce((values, key) => steps(values, key).filter((one) => one !== undefined), outer);
}

const instances = new Map(file.records.map(({ type }) => [type, of(type)]));
for (const { type, of: outer, at } of file.parts) instances.set(type, inside(of(outer), at));

describe('the types of the wire', () => {
  /** The keys that travel are the keys of the type, and the same ones may be missing. */
  test.each(Object.entries(SHAPES))('have the fields of the record: %s', (type, shape) => {
    const all = instances.get(type) ?? [];
    const keys = [...new Set(all.flatMap((one) => Object.keys(one)))];
    const presence = (key: string) => (all.every((one) => key in one) ? required : optional);
    expect(Object.fromEntries(keys.map((key) => [key, presence(key)]))).toEqual(shape);
  });

  test('are there for every record', () => {
    const known = [...Object.keys(SHAPES), ...WITHOUT_A_TYPE, ...NOT_SPOKEN];
    expect(known.sort()).toEqual([...instances.keys()].sort());
  });

  /** A closed list is the same list, in the same order. */
  test('have the words of each list', () => {
    const ours = Object.fromEntries(Object.entries(WORDS).map(([name, list]) => [name, Object.keys(list)]));
    expect(ours).toEqual({ ...file.words, ProblemCode: of('Problem').map(({ code }) => code) });
  });
});
