import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { decodeSnapshot } from '../console/session/snapshot-format';
import { decodeDrawing, decodeMarkFrame, decodeMarkSet, encodeDrawing } from '../realtime/mark-records';
import { decodePresence, decodeReport, decodeState, encodeRecord } from '../realtime/records';
import { utf8 } from '../seal/encoding';
import { encodeSnapshot } from '../seal/snapshot';
import { problem } from './api';
import * as guest from './guest';
import * as staff from './staff';
import type * as w from './types';

/** What Rust reads and writes too: `core/protocol/tests/records`. */
interface File {
  records: { type: string; what: string; json: Json }[];
}
type Json = Record<string, unknown>;

const path = new URL('../../../tests/vectors/protocol/records.json', import.meta.url);
const file = JSON.parse(readFileSync(path, 'utf8')) as File;
const of = <T = Json>(type: string) => file.records.filter((entry) => entry.type === type).map(({ json }) => json as T);
const bytes = (json: unknown) => utf8(JSON.stringify(json));

/** The same with one key under another name, once for each key. */
function renamed(json: Json): Json[] {
  return Object.keys(json).map((key) => {
    const { [key]: value, ...rest } = json;
    return { ...rest, [`${key}_`]: value };
  });
}

/** The patches stay behind: they are proof, not for the screen. */
function withoutPatches(json: Json): Json {
  const marks = json['marks'] as Json[];
  return { ...json, marks: marks.map(({ patch: _, ...mark }) => mark) };
}

describe('a record from the realtime plane', () => {
  const decoders: Record<string, (bytes: Uint8Array<ArrayBuffer>) => unknown> = {
    MarkSet: decodeMarkSet,
    Drawing: decodeDrawing,
    Frame: decodeMarkFrame,
    DevicePresence: decodePresence,
    ReceiverReport: decodeReport,
    SessionState: decodeState,
  };

  /** It is read as it was said, all of it. */
  test.each(Object.entries(decoders))('is read: %s', (type, decode) => {
    expect(of(type).length).toBeGreaterThan(0);
    for (const json of of(type)) expect(decode(bytes(json))).toEqual(type === 'MarkSet' ? withoutPatches(json) : json);
  });

  /** The control: a key under another name makes it none, or another one. Of the state only what is used is checked. */
  test.each(Object.entries(decoders).filter(([type]) => type !== 'SessionState'))('is checked: %s', (type, decode) => {
    for (const json of of(type)) {
      for (const other of renamed(json)) {
        expect(decode(bytes(other))).not.toEqual(other);
        expect(decode(bytes(other))).not.toEqual(json);
      }
    }
  });

  /** What is written here is the same record. */
  test('is written', () => {
    const back = (written: Uint8Array) => JSON.parse(new TextDecoder().decode(written)) as unknown;
    for (const json of of<w.Drawing>('Drawing')) expect(back(encodeDrawing(json))).toEqual(json);
    for (const json of of<w.DevicePresence>('DevicePresence')) expect(back(encodeRecord(json))).toEqual(json);
    for (const json of of<w.ReceiverReport>('ReceiverReport')) expect(back(encodeRecord(json))).toEqual(json);
  });

  /** The largest state that a server writes is not too large to be read: sixteen people and two hundred snapshots. */
  test('is bounded by what there can be', () => {
    const [, live] = of<w.SessionState>('SessionState');
    const [person, snapshot] = [live?.participants[2], live?.snapshots?.[0]];
    const full = {
      ...live,
      participants: Array.from({ length: 16 }, () => ({ ...person, device: '\u{1f4f7}'.repeat(200) })),
      snapshots: Array.from({ length: 200 }, () => snapshot),
    };
    expect(decodeState(bytes(full))).toEqual(full);
  });
});

/** What is said in a snapshot is written and read. */
test('what is said in a snapshot comes back', () => {
  expect(of('About')).toHaveLength(2);
  for (const about of of<w.SnapshotAbout>('About')) {
    const jpeg = Uint8Array.of(0xff, 0xd8);
    expect(decodeSnapshot(encodeSnapshot(about, jpeg))).toEqual({ about, jpeg });
  }
});

/** A refusal is understood with its code, its status, its sentence and whom one can call. */
test('a problem is read', async () => {
  expect(of('Problem').length).toBeGreaterThan(20);
  for (const json of of<w.Problem>('Problem')) {
    const { code, status, detail, host } = json;
    const headers = { 'content-type': 'application/problem+json' };
    const said = await problem(new Response(JSON.stringify(json), { status, headers }));
    expect({ ...said }).toMatchObject({ code, status, detail });
    expect(said.host).toEqual(host);
    const { code: _, ...rest } = json;
    const other = await problem(new Response(JSON.stringify({ ...rest, kind: code }), { status, headers }));
    expect(other.code).toBe('unexpected');
  }
});

/** Who says each request, with the values of the record. */
const REQUESTS: Record<string, (json: never) => Promise<unknown>> = {
  Setup: staff.setup,
  Login: staff.login,
  NewSession: staff.createSession,
  NewInvite: ({ agreed }: { agreed: boolean }) => staff.invite('ses_1', agreed),
  Freeze: (json: w.Freeze) => staff.freeze('ses_1', json),
  AskPhoto: ({ participant }: { participant: string }) => staff.askPhoto('ses_1', participant),
  WriteNote: (json: w.Note) => staff.writeNote('ses_1', json),
  NewMark: (json: w.NewMark) => staff.commitMark('ses_1', json),
  UndoMark: ({ mark }: { mark: string }) => staff.undoMark('ses_1', mark),
  InviteSecret: ({ secret }: { secret: string }) => guest.peek(secret),
  Redeem: guest.redeem,
  Consent: guest.consent,
  Feedback: ({ helped }: { helped: boolean }) => guest.feedback(helped),
  DeclinePhoto: ({ request }: { request: string }) => guest.declinePhoto(request),
};

describe('a request', () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  /** Its body is the record. */
  test.each(Object.entries(REQUESTS))('is written: %s', async (type, say) => {
    const bodies: unknown[] = [];
    vi.stubGlobal('fetch', (_: string, init: RequestInit) => {
      bodies.push(JSON.parse(init.body as string));
      return Promise.resolve(new Response(null, { status: 204 }));
    });
    for (const json of of(type)) await say(json as never);
    expect(bodies.length).toBeGreaterThan(0);
    expect(bodies).toEqual(of(type));
  });
});
