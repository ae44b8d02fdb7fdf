/**
 * A receipt is the server's word, under a key of its own, that it has a whole object and will not lose it. Only a receipt
 * that verifies lets this device drop its copy. The fields are those of `core/protocol/src/snapshot.rs`.
 */
import type { Receipt } from '../wire/types';
import { base64url, encode, fromBase64url, utf8, type Bytes } from './encoding';

const DOMAIN = 'handlens/receipt/v1';

/** What this device knows of the object by itself. */
export interface Sent {
  organisation: string;
  session: string;
  object: string;
  bytes: number;
  /** Of the sealed object. */
  sha256: Bytes;
}

/** Whether `receipt` is about `sent` and signed by `key` (P-256, uncompressed SEC1, base64url). Never throws. */
export async function verifies(receipt: Receipt, sent: Sent, key: string): Promise<boolean> {
  const same =
    receipt.v === 1 &&
    receipt.organisation === sent.organisation &&
    receipt.session === sent.session &&
    receipt.object === sent.object &&
    receipt.bytes === sent.bytes &&
    receipt.sha256 === base64url(sent.sha256);
  if (!same) return false;
  try {
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
    const verifier = await crypto.subtle.importKey('raw', fromBase64url(key), algorithm, false, ['verify']);
    const signed = encode(DOMAIN, [
      utf8(receipt.organisation),
      utf8(receipt.session),
      utf8(receipt.object),
      utf8(String(receipt.bytes)),
      sent.sha256,
      utf8(receipt.origin),
      utf8(String(receipt.sequence)),
      fromBase64url(receipt.entry_sha256),
      utf8(String(receipt.stored_us)),
    ]);
    return await crypto.subtle.verify(algorithm, verifier, fromBase64url(receipt.signature), signed);
  } catch {
    return false;
  }
}
