/**
 * The key of one object, sealed to a session's public key, as `core/seal/src/hpke.rs` has it: HPKE (RFC 9180) in mode base,
 * DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, one message. A patient's page seals with it and opens nothing.
 */
import { concat, encode, expand, hmac, utf8, type Bytes } from './encoding';

const DOMAIN = 'handlens/seal@v1';

const CURVE = { name: 'ECDH', namedCurve: 'P-256' };
const VERSION = utf8('HPKE-v1');
/** "KEM" ‖ 0x0010, and "HPKE" ‖ KEM 0x0010 ‖ KDF 0x0001 ‖ AEAD 0x0002. */
const KEM = concat([utf8('KEM'), Uint8Array.of(0, 0x10)]);
const SUITE = concat([utf8('HPKE'), Uint8Array.of(0, 0x10, 0, 1, 0, 2)]);
const EMPTY = new Uint8Array();

/**
 * `key` sealed to the holder of `publicKey` (uncompressed SEC1, 65 bytes) for the object of `header` (`encodeHeader`): 65 + 32
 * + 16 bytes. The ephemeral key is made here; only vectors choose it. Rejects for a key that is no point of the curve.
 */
export async function sealKey(publicKey: Bytes, header: Bytes, key: Bytes, ephemeral?: CryptoKeyPair): Promise<Bytes> {
  const pair = ephemeral ?? (await crypto.subtle.generateKey(CURVE, true, ['deriveBits']));
  const theirs = await crypto.subtle.importKey('raw', publicKey, CURVE, false, []);
  const enc = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey));
  const shared = new Uint8Array(await crypto.subtle.deriveBits({ name: 'ECDH', public: theirs }, pair.privateKey, 256));

  const secret = await labeledExpand(
    KEM,
    await labeledExtract(KEM, EMPTY, 'eae_prk', shared),
    'shared_secret',
    concat([enc, publicKey]),
    32,
  );
  const context = concat([
    Uint8Array.of(0),
    await labeledExtract(SUITE, EMPTY, 'psk_id_hash', EMPTY),
    await labeledExtract(SUITE, EMPTY, 'info_hash', encode(DOMAIN, [header])),
  ]);
  const prk = await labeledExtract(SUITE, secret, 'secret', EMPTY);
  const cipher = await crypto.subtle.importKey(
    'raw',
    await labeledExpand(SUITE, prk, 'key', context, 32),
    'AES-GCM',
    false,
    ['encrypt'],
  );
  const iv = await labeledExpand(SUITE, prk, 'base_nonce', context, 12);
  return concat([enc, new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, cipher, key))]);
}

/** No salt is a salt of zeros (RFC 5869, 2.2), and WebCrypto takes no empty key. */
function labeledExtract(suite: Bytes, salt: Bytes, label: string, ikm: Bytes): Promise<Bytes> {
  return hmac('SHA-256', salt.length > 0 ? salt : new Uint8Array(32), concat([VERSION, suite, utf8(label), ikm]));
}

function labeledExpand(suite: Bytes, prk: Bytes, label: string, info: Bytes, length: number): Promise<Bytes> {
  const length16 = Uint8Array.of(length >> 8, length & 0xff);
  return expand('SHA-256', prk, concat([length16, VERSION, suite, utf8(label), info]), length);
}
