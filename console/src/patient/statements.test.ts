import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { base64url, encode, sha256 } from '../seal/encoding';
import type { Consent, Purpose, Redeem } from '../wire/types';
import { redemption, secretBytes, statement, type Party } from './statements';

interface Vector {
  domain: string;
  fields: string[];
  encoded: string;
  public: string;
  signature: string;
  other_s: string;
}
interface Signed extends Vector {
  private: string;
}
type SignedConsent = Signed & { what: 'consent'; party: Party; wording: string; body: Consent };
type SignedRedeem = Signed & { what: 'redeem'; body: Redeem };

function golden<V>(name: string): V[] {
  const file = new URL(`../../../tests/vectors/seal/${name}.json`, import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { vectors: V[] }).vectors;
}
const vectors = golden<Vector>('signature');

const bytes = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const hex = (value: Uint8Array) => Array.from(value, (byte) => byte.toString(16).padStart(2, '0')).join('');
const decode = (text: string) => new Uint8Array(Buffer.from(text, 'base64url'));
const text = (value: string) => new TextEncoder().encode(value);
const algorithm = { name: 'ECDSA', hash: 'SHA-256' } as const;

function verifies(key: CryptoKey, signature: string, domain: string, fields: Uint8Array[]): Promise<boolean> {
  return crypto.subtle.verify(algorithm, key, decode(signature), encode(domain, fields));
}

/** The key pair of a vector: WebCrypto takes a scalar only as JWK. */
async function pair(vector: Signed): Promise<CryptoKeyPair> {
  const point = bytes(vector.public);
  const jwk = { kty: 'EC', crv: 'P-256', x: base64url(point.slice(1, 33)), y: base64url(point.slice(33)) };
  const scalar = base64url(bytes(vector.private));
  const curve = { name: 'ECDSA', namedCurve: 'P-256' };
  return {
    privateKey: await crypto.subtle.importKey('jwk', { ...jwk, d: scalar }, curve, false, ['sign']),
    publicKey: await crypto.subtle.importKey('jwk', jwk, curve, true, ['verify']),
  };
}

async function device() {
  return crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify']);
}

describe('the golden vectors of core/seal', () => {
  /** The browser covers the same bytes as Rust and Python, and its verifier takes their signatures. */
  test('are read here too', async () => {
    expect(vectors.length).toBeGreaterThan(0);
    for (const vector of vectors) {
      const encoded = encode(vector.domain, vector.fields.map(bytes));
      expect(hex(encoded)).toBe(vector.encoded);
      const key = await crypto.subtle.importKey(
        'raw',
        bytes(vector.public),
        { name: 'ECDSA', namedCurve: 'P-256' },
        false,
        ['verify'],
      );
      for (const signature of [vector.signature, vector.other_s]) {
        expect(await crypto.subtle.verify(algorithm, key, bytes(signature), encoded)).toBe(true);
        // The control: one other bit and it is nobody's signature.
        const other = Uint8Array.from(encoded);
        other[0] = (other[0] ?? 0) ^ 1;
        expect(await crypto.subtle.verify(algorithm, key, bytes(signature), other)).toBe(false);
      }
    }
  });
});

describe('the golden statements', () => {
  const all = golden<SignedConsent | SignedRedeem>('statement');
  /** A statement lives so long, µs: the vector's end less this is when it was said. */
  const LIFE_US = 150_000_000;

  afterEach(() => {
    vi.restoreAllMocks();
  });

  /** What this page would say at that moment, with that key and that nonce. */
  async function say(vector: SignedConsent | SignedRedeem, keys: CryptoKeyPair): Promise<Consent | Redeem> {
    const now_us = vector.body.expires_us - LIFE_US;
    if (vector.what === 'redeem') {
      const { secret, device, take_over } = vector.body;
      return redemption(keys, secret, now_us, { device, take_over });
    }
    const { purpose, decision, language, nonce } = vector.body;
    vi.spyOn(crypto, 'getRandomValues').mockImplementationOnce((into) => {
      (into as unknown as Uint8Array).set(decode(nonce));
      return into;
    });
    return statement(keys, vector.party, purpose, decision, { purpose, language, text: vector.wording }, now_us);
  }

  /** The page signs the same bytes as Rust and Python, in the same body; only its signature is random. */
  test('are said here in the same bytes', async () => {
    const purposes: Purpose[] = ['camera', 'microphone', 'snapshots', 'recording', 'camera'];
    const found = all.map(({ what, body }) => ('purpose' in body ? body.purpose : what));
    expect(found).toEqual([...purposes, 'redeem', 'redeem']);
    for (const vector of all) {
      const keys = await pair(vector);
      const sign = vi.spyOn(crypto.subtle, 'sign');
      const body = await say(vector, keys);
      expect(sign.mock.calls.map(([, , signed]) => hex(signed as Uint8Array))).toEqual([vector.encoded]);
      expect({ ...body, signature: vector.body.signature }).toEqual(vector.body);
      const said = decode(body.signature);
      expect(await crypto.subtle.verify(algorithm, keys.publicKey, said, bytes(vector.encoded))).toBe(true);
      vi.restoreAllMocks();
    }
  });

  /** The signature in each body is good, and the control: over another field, or in the other's domain, it is not. */
  test('verify here', async () => {
    for (const vector of all) {
      const { publicKey } = await pair(vector);
      const fields = vector.fields.map(bytes);
      expect(hex(decode(vector.body.signature))).toBe(vector.signature);
      expect(await verifies(publicKey, vector.body.signature, vector.domain, fields)).toBe(true);
      expect(await verifies(publicKey, base64url(bytes(vector.other_s)), vector.domain, fields)).toBe(true);
      const other = all.find(({ domain }) => domain !== vector.domain)?.domain ?? '';
      expect(await verifies(publicKey, vector.body.signature, other, fields)).toBe(false);
      for (const changed of fields.keys()) {
        const altered = fields.map((field, at) => (at === changed ? text('0') : field));
        expect(await verifies(publicKey, vector.body.signature, vector.domain, altered)).toBe(false);
      }
    }
  });
});

describe('a statement', () => {
  const party = { organisation: 'org_1', session: 'ses_2', participant: 'par_3' };
  const wording = { purpose: 'camera', language: 'en', text: 'Sam will see what your phone sees.' } as const;

  /** A consent covers who, where, what for, which words, in which language, once, and until when. */
  test('of consent covers every field in order', async () => {
    const keys = await device();
    const said = await statement(keys, party, 'camera', 'grant', wording, 1_000_000);
    const fields = [
      ...['org_1', 'ses_2', 'par_3', 'camera', 'grant'].map(text),
      await sha256(text(wording.text)),
      text('en'),
      decode(said.nonce),
      text(String(said.expires_us)),
    ];
    expect(await verifies(keys.publicKey, said.signature, 'handlens/consent/v1', fields)).toBe(true);
    expect(said.wording_sha256).toBe(base64url(await sha256(text(wording.text))));
    expect(said.expires_us).toBe(151_000_000);
    expect(decode(said.nonce)).toHaveLength(16);
    fields[4] = text('revoke');
    expect(await verifies(keys.publicKey, said.signature, 'handlens/consent/v1', fields)).toBe(false);
  });

  /** A nonce is taken once: two statements of the same never share one. */
  test('is never said twice in the same words', async () => {
    const keys = await device();
    const [one, two] = await Promise.all([1, 2].map(() => statement(keys, party, 'camera', 'grant', wording, 1)));
    expect(one?.nonce).not.toBe(two?.nonce);
  });

  /** A redemption covers the secret by its hash, the key and the time; the secret itself is 16 bytes. */
  test('of redemption covers secret, key and time', async () => {
    const keys = await device();
    const secret = 'AAECAwQFBgcICQoLDA0ODw';
    const said = await redemption(keys, secret, 5, { device: 'Chrome on Android', take_over: false });
    const raw = Uint8Array.from({ length: 16 }, (_, i) => i);
    const fields = [await sha256(raw), decode(said.public_key), text(String(said.expires_us))];
    expect(await verifies(keys.publicKey, said.signature, 'handlens/redeem/v1', fields)).toBe(true);
    expect(decode(said.public_key)).toHaveLength(65);
    expect(said).toMatchObject({ secret, device: 'Chrome on Android', take_over: false });
  });
});

/** Only 22 characters of base64url are a link's secret; everything else in a fragment is none. */
test('a fragment is a secret or it is not', () => {
  expect(secretBytes('AAECAwQFBgcICQoLDA0ODw')).toHaveLength(16);
  for (const none of ['', 'AAECAwQFBgcICQoLDA0OD', 'AAECAwQFBgcICQoLDA0ODw=', 'AAECAwQFBgcICQoLDA0OD/', '<script>']) {
    expect(secretBytes(none)).toBeUndefined();
  }
});
