import { describe, expect, test } from 'vitest';
import { base64url, encode, fromBase64url, sha256, utf8, type Bytes } from '../../seal/encoding';
import { ProblemError } from '../../wire/api';
import type { ProblemCode, Receipt } from '../../wire/types';
import type { Announcement } from '../../wire/uploads';
import type { Parcel } from './outbox';
import { send, type Post } from './send';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const refusal = (code: ProblemCode, status = 400) => new ProblemError(code, status);
const lost = () => new ProblemError('unreachable', 0);

/** A server that keeps what arrives, checks it, and signs for it. `fail` is asked before each request. */
class Server implements Post {
  announced: Announcement | undefined;
  stored: Uint8Array = new Uint8Array();
  parts = 0;
  readonly calls: string[] = [];
  /** One reason to fail for each request, in order; `undefined` lets it through. */
  faults: (ProblemError | undefined)[] = [];
  forged = false;

  private constructor(private readonly pair: CryptoKeyPair) {}

  static async start(): Promise<Server> {
    return new Server(await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']));
  }

  async key(): Promise<string> {
    return base64url(new Uint8Array(await crypto.subtle.exportKey('raw', this.pair.publicKey)));
  }

  offset = () => {
    this.enter('HEAD');
    if (!this.announced) return Promise.reject(refusal('not-found', 404));
    return Promise.resolve(this.stored.length);
  };

  announce = (announcement: Announcement) => {
    this.enter('POST');
    this.announced = announcement;
    return Promise.resolve();
  };

  sendPart = async (_object: string, at: number, part: Blob) => {
    this.enter('PATCH');
    if (at !== this.stored.length) throw refusal('offset-mismatch', 409);
    this.parts += 1;
    this.stored = new Uint8Array([...this.stored, ...new Uint8Array(await part.arrayBuffer())]);
    return this.stored.length;
  };

  receipt = async (object: string): Promise<Receipt> => {
    this.enter('receipt');
    const digest = await sha256(Uint8Array.from(this.stored));
    const entry = await sha256(utf8('entry'));
    const bytes = this.stored.length;
    const fields = ['org_1', 'ses_1', object, String(bytes)].map(utf8);
    const rest = [utf8('log'), utf8('3'), entry, utf8('9')];
    const signed = encode(this.forged ? 'handlens/other/v1' : 'handlens/receipt/v1', [...fields, digest, ...rest]);
    const signature = new Uint8Array(await crypto.subtle.sign(algorithm, this.pair.privateKey, signed));
    return {
      v: 1,
      organisation: 'org_1',
      session: 'ses_1',
      object,
      bytes,
      sha256: base64url(digest),
      origin: 'log',
      sequence: 3,
      entry_sha256: base64url(entry),
      stored_us: 9,
      signature: base64url(signature),
    };
  };

  private enter(call: string): void {
    this.calls.push(call);
    const fault = this.faults.shift();
    if (fault) throw fault;
  }
}

async function parcel(server: Server, length = 600_000): Promise<Parcel> {
  const sealed: Bytes = Uint8Array.from({ length }, (_, index) => index % 253);
  return {
    object: 'obj_1',
    organisation: 'org_1',
    session: 'ses_1',
    request: 'req_1',
    sealed,
    sha256: await sha256(sealed),
    seal: new Uint8Array(113),
    receipt_key: await server.key(),
    kept_ms: 0,
  };
}

/** Sends, and gives the outcome with the pauses that were made. After `most` pauses it is given up, as no page would. */
async function run(server: Server, what: Parcel, most = 20) {
  const pauses: number[] = [];
  const outcome = send(
    what,
    (attempt) => {
      pauses.push(attempt);
      return pauses.length > most ? Promise.reject(new Error('still trying')) : Promise.resolve();
    },
    server,
  );
  return { outcome: await outcome.catch((error: Error) => error.message), pauses };
}

describe('a parcel', () => {
  /** Announced once with its digest, its seal and the request, sent in parts, let go by the receipt. */
  test('is announced, sent in parts and received', async () => {
    const server = await Server.start();
    const what = await parcel(server);
    expect(await run(server, what)).toEqual({ outcome: 'received', pauses: [] });
    expect(server.calls).toEqual(['HEAD', 'POST', 'PATCH', 'PATCH', 'PATCH', 'receipt']);
    expect(server.announced).toEqual({ object: 'obj_1', bytes: 600_000, sha256: what.sha256, seal: what.seal, request: 'req_1' });
    expect(await sha256(Uint8Array.from(server.stored))).toEqual(what.sha256);
  });

  /** What the server has is not sent again: after a reload, and after a lost answer. */
  test('goes on where the server is', async () => {
    const server = await Server.start();
    const what = await parcel(server);
    server.faults = [undefined, undefined, undefined, lost()];
    expect(await run(server, what)).toEqual({ outcome: 'received', pauses: [0] });
    expect(server.calls.slice(4)).toEqual(['HEAD', 'PATCH', 'PATCH', 'PATCH', 'receipt']);
    expect(server.stored.length).toBe(600_000);
  });

  /** A wrong place is asked about at once, the first time; then with pauses. */
  test('asks where it is', async () => {
    const server = await Server.start();
    const what = await parcel(server);
    server.faults = [undefined, undefined, refusal('offset-mismatch', 409), undefined, refusal('offset-mismatch', 409)];
    const { outcome, pauses } = await run(server, what);
    expect(outcome).toBe('received');
    expect(pauses).toEqual([1]);
  });

  /** Without a network it never gives up, its pauses grow, and its parts become smaller. */
  test('is tried for as long as the page lives', async () => {
    const server = await Server.start();
    const what = await parcel(server);
    server.faults = Array.from({ length: 12 }, lost);
    const { outcome, pauses } = await run(server, what);
    expect(outcome).toBe('received');
    expect(pauses).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(server.parts).toBe(Math.ceil(600_000 / (32 * 1024)));
  });

  /** Only a receipt that verifies lets it go. The control: the same server, honest, is believed. */
  test('is not let go by a forged receipt', async () => {
    const server = await Server.start();
    const what = await parcel(server, 10);
    server.forged = true;
    expect((await run(server, what, 5)).outcome).toBe('still trying');
    server.forged = false;
    expect((await run(server, what, 5)).outcome).toBe('received');
  });

  /** A permission that was taken back, or a size that never fits: trying longer helps nobody. */
  test.each(['no-consent', 'not-admitted', 'too-large', 'upload-version', 'method-not-allowed', 'session-ended', 'conflict'] as const)('ends with %s', async (code) => {
    const server = await Server.start();
    server.faults = [undefined, refusal(code, 403)];
    expect(await run(server, await parcel(server))).toEqual({ outcome: 'refused', pauses: [] });
  });

  /** A receipt for what is not whole over there is a question where it is: only a receipt lets the one copy go. */
  test('outlives a conflict about its receipt', async () => {
    const server = await Server.start();
    const what = await parcel(server, 10);
    server.faults = [undefined, undefined, undefined, refusal('conflict', 409)];
    expect(await run(server, what)).toEqual({ outcome: 'received', pauses: [] });
    expect(server.calls).toEqual(['HEAD', 'POST', 'PATCH', 'receipt', 'HEAD', 'receipt']);
  });

  /** A device that is not known any more keeps it. */
  test('stays with a device that is locked out', async () => {
    const server = await Server.start();
    server.faults = [refusal('not-logged-in', 401)];
    expect((await run(server, await parcel(server))).outcome).toBe('locked-out');
  });
});

/** The negative control of this harness: a server that stored something else is not believed either. */
test('another object is not this one', async () => {
  const server = await Server.start();
  const what = await parcel(server, 10);
  server.announced = { object: 'obj_1', bytes: 10, sha256: what.sha256, seal: what.seal };
  server.stored = new Uint8Array(10);
  expect((await run(server, what, 3)).outcome).toBe('still trying');
  expect(fromBase64url(base64url(what.sha256))).toEqual(what.sha256);
});
