import { createECDH, createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Receipt } from '../wire/types';
import { seal } from './container';
import { base64url, encode, encodeHeader, expand, fromBase64url, hex, sha256, utf8, type Bytes, type Header } from './encoding';
import { sealKey } from './hpke';
import { verifies, type Sent } from './receipt';

/** The golden files that Rust and Python read too. */
function vectors<V>(name: string): V[] {
  const file = new URL(`../../../tests/vectors/seal/${name}.json`, import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { vectors: V[] }).vectors;
}

const bytes = (text: string): Bytes => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const flipped = (value: Bytes, at: number): Bytes => value.map((byte, index) => (index === at ? byte ^ 1 : byte));

interface ContainerVector {
  key: string;
  header: Header;
  context: string;
  plaintext_length: number;
  plaintext_sha256: string;
  container: string;
}

describe('a container', () => {
  const all = vectors<ContainerVector>('container');
  const plaintextOf = ({ plaintext_length }: ContainerVector) => Uint8Array.from({ length: plaintext_length }, (_, index) => index % 251);

  /** With its salt, sealing gives the bytes that another implementation wrote, at every length around a chunk's end. */
  test('is that of the golden vectors, byte for byte', async () => {
    expect(all.map(({ plaintext_length }) => plaintext_length)).toEqual([0, 1, 16383, 16384, 16385, 40000]);
    for (const vector of all) {
      const header = encodeHeader(vector.header);
      expect(hex(header)).toBe(vector.context);
      const plaintext = plaintextOf(vector);
      expect(hex(await sha256(plaintext))).toBe(vector.plaintext_sha256);
      const salt = bytes(vector.container.slice(0, 48));
      expect(hex(await seal(bytes(vector.key), header, plaintext, salt))).toBe(vector.container);
    }
  });

  /** The control: another key, header, salt or plaintext is another container, from the commitment or the chunk on. */
  test('depends on all that goes into it', async () => {
    const [vector] = all.slice(-1);
    if (!vector) throw new Error('no vector');
    const [key, header, plaintext] = [bytes(vector.key), encodeHeader(vector.header), plaintextOf(vector)];
    const salt = bytes(vector.container.slice(0, 48));
    const others = [
      await seal(flipped(key, 0), header, plaintext, salt),
      await seal(key, encodeHeader({ ...vector.header, object: 'other' }), plaintext, salt),
      await seal(key, header, flipped(plaintext, 20_000), salt),
      await seal(key, header, plaintext, flipped(salt, 0)),
      await seal(key, header, plaintext),
    ];
    for (const other of others) expect(hex(other)).not.toBe(vector.container);
    expect(new Set(others.map(hex)).size).toBe(others.length);
  });
});

/** A derived key is HKDF-Expand over the encoding of purpose and context, as the vectors have it. */
test('keys are expanded as elsewhere', async () => {
  // RFC 5869, test case 1, from its pseudorandom key on.
  const prk = bytes('077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5');
  const okm = '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865';
  expect(hex(await expand('SHA-256', prk, bytes('f0f1f2f3f4f5f6f7f8f9'), 42))).toBe(okm);
});

describe('a receipt', () => {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

  async function signed(): Promise<{ receipt: Receipt; sent: Sent; key: string }> {
    const pair = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const digest = await sha256(utf8('sealed'));
    const sent: Sent = { organisation: 'org_1', session: 'ses_1', object: 'obj_1', bytes: 6, sha256: digest };
    const entry = await sha256(utf8('entry'));
    const rest = { origin: 'log.example/2026-11', sequence: 12, stored_us: 1_790_000_000_000_001 };
    const fields = [
      utf8('org_1'), utf8('ses_1'), utf8('obj_1'), utf8('6'), digest, utf8(rest.origin), utf8('12'), entry, utf8('1790000000000001'),
    ];
    const signature = await crypto.subtle.sign(algorithm, pair.privateKey, encode('handlens/receipt/v1', fields));
    const { sha256: _, ...same } = sent;
    return {
      sent,
      receipt: {
        v: 1,
        ...same,
        ...rest,
        sha256: base64url(digest),
        entry_sha256: base64url(entry),
        signature: base64url(new Uint8Array(signature)),
      },
      key: base64url(new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey))),
    };
  }

  /** A receipt that Python signed is believed about its object, and about no other. */
  test('of the golden vectors verifies', async () => {
    const all = vectors<{ receipt: Receipt; public: string; other_s: string }>('receipt');
    expect(all.length).toBeGreaterThanOrEqual(2);
    for (const { receipt, public: key, other_s } of all) {
      const { organisation, session, object, bytes: length, sha256: digest } = receipt;
      const sent: Sent = { organisation, session, object, bytes: length, sha256: fromBase64url(digest) };
      const by = base64url(bytes(key));
      expect(await verifies(receipt, sent, by)).toBe(true);
      expect(await verifies({ ...receipt, signature: base64url(bytes(other_s)) }, sent, by)).toBe(true);
      expect(await verifies({ ...receipt, sequence: receipt.sequence - 1 }, sent, by)).toBe(false);
    }
  });

  /** Signed by the server's key about this very object, it verifies. */
  test('verifies', async () => {
    const { receipt, sent, key } = await signed();
    expect(await verifies(receipt, sent, key)).toBe(true);
  });

  /** The controls: any changed field, another object of this device's, another key, or no signature at all. */
  test('is of one object and one key', async () => {
    const { receipt, sent, key } = await signed();
    const changes: Partial<Receipt>[] = [
      { v: 2 },
      { organisation: 'org_2' },
      { session: 'ses_2' },
      { object: 'obj_2' },
      { bytes: 7 },
      { sha256: base64url(await sha256(utf8('else'))) },
      { origin: 'log.example/2026-12' },
      { sequence: 13 },
      { entry_sha256: base64url(await sha256(utf8('else'))) },
      { stored_us: 1_790_000_000_000_002 },
      { signature: base64url(new Uint8Array(64)) },
      { signature: '*' },
      { signature: '' },
    ];
    for (const change of changes) expect(await verifies({ ...receipt, ...change }, sent, key), JSON.stringify(change)).toBe(false);
    expect(await verifies(receipt, { ...sent, object: 'obj_2' }, key)).toBe(false);
    expect(await verifies(receipt, sent, (await signed()).key)).toBe(false);
    expect(await verifies(receipt, sent, 'no key')).toBe(false);
  });
});

interface HpkeVector {
  seal_key: string;
  header: Header;
  info: string;
  key: string;
  /** What the ephemeral key is derived from; null where a library chose it. */
  ikm: string | null;
  sealed: string;
}

describe('the seal of a key', () => {
  const all = vectors<HpkeVector>('hpke').filter(({ ikm }) => ikm !== null);

  /** With the ephemeral key of the vectors, sealing gives the bytes that another implementation wrote and opens. */
  test('is that of the golden vectors, byte for byte', async () => {
    expect(all.length).toBeGreaterThanOrEqual(3);
    for (const vector of all) {
      const header = encodeHeader(vector.header);
      expect(hex(encode('handlens/seal@v1', [header]))).toBe(vector.info);
      const sealed = await sealKey(bytes(vector.seal_key), header, bytes(vector.key), await ephemeral(vector.ikm ?? ''));
      expect(hex(sealed)).toBe(vector.sealed);
    }
  });

  /** The controls: another object, key or receiver is another seal; without a chosen ephemeral key each one is new. */
  test('depends on all that goes into it', async () => {
    const [vector, other] = [all[0], all.at(-1)];
    if (!vector || !other) throw new Error('no vector');
    const [to, header, key] = [bytes(vector.seal_key), encodeHeader(vector.header), bytes(vector.key)];
    const pair = await ephemeral(vector.ikm ?? '');
    const seals = [
      await sealKey(to, encodeHeader({ ...vector.header, object: 'other' }), key, pair),
      await sealKey(to, header, flipped(key, 31), pair),
      await sealKey(bytes(other.seal_key), header, key, pair),
      await sealKey(to, header, key),
      await sealKey(to, header, key),
    ];
    expect(new Set([...seals.map(hex), vector.sealed]).size).toBe(seals.length + 1);
    for (const seal of seals) expect(seal.length).toBe(113);
    await expect(sealKey(flipped(to, 64), header, key), 'no point of the curve').rejects.toThrow();
  });

  /** DeriveKeyPair of RFC 9180, 7.1.3, by Node's own primitives. */
  async function ephemeral(ikm: string): Promise<CryptoKeyPair> {
    const suite = Buffer.concat([Buffer.from('KEM'), Buffer.from([0, 0x10])]);
    const mac = (key: Buffer, ...parts: Buffer[]) => createHmac('sha256', key).update(Buffer.concat(parts)).digest();
    const prk = mac(Buffer.alloc(0), Buffer.from('HPKE-v1'), suite, Buffer.from('dkp_prk'), Buffer.from(ikm, 'hex'));
    const label = [Buffer.from([0, 32]), Buffer.from('HPKE-v1'), suite, Buffer.from('candidate'), Buffer.from([0])];
    const scalar = mac(prk, ...label, Buffer.from([1]));
    const ecdh = createECDH('prime256v1');
    ecdh.setPrivateKey(scalar);
    const point = ecdh.getPublicKey();
    const jwk = {
      kty: 'EC',
      crv: 'P-256',
      x: point.subarray(1, 33).toString('base64url'),
      y: point.subarray(33).toString('base64url'),
    };
    const curve = { name: 'ECDH', namedCurve: 'P-256' };
    return {
      publicKey: await crypto.subtle.importKey('jwk', jwk, curve, true, []),
      privateKey: await crypto.subtle.importKey('jwk', { ...jwk, d: scalar.toString('base64url') }, curve, false, ['deriveBits']),
    };
  }
});

interface ReceiptVector {
  receipt: Receipt;
  public: string;
  other_s: string;
}

/** Receipts that another implementation signed verify here, with the low and with the high `s`; another key's do not. */
test('receipts of the golden vectors verify', async () => {
  const all = vectors<ReceiptVector>('receipt');
  expect(all.length).toBeGreaterThanOrEqual(2);
  for (const [index, { receipt, public: key, other_s }] of all.entries()) {
    const sent: Sent = { ...receipt, sha256: fromBase64url(receipt.sha256) };
    const of = (hexKey: string) => base64url(bytes(hexKey));
    expect(await verifies(receipt, sent, of(key))).toBe(true);
    expect(await verifies({ ...receipt, signature: base64url(bytes(other_s)) }, sent, of(key))).toBe(true);
    const stranger = all[(index + 1) % all.length];
    if (stranger && stranger.public !== key) expect(await verifies(receipt, sent, of(stranger.public))).toBe(false);
    expect(await verifies({ ...receipt, sequence: receipt.sequence - 1 }, sent, of(key))).toBe(false);
  }
});
