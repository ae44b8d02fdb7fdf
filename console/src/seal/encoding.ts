/**
 * The one canonical encoding (`core/seal/src/encoding.rs`), and the header of a sealed object (`core/seal/src/header.rs`).
 */

export type Bytes = Uint8Array<ArrayBuffer>;

const HEADER_DOMAIN = 'handlens/object@v1';

export const utf8 = (value: string): Bytes => new TextEncoder().encode(value);

/** `length ‖ domain`, then `length ‖ field` for each field; lengths are u32, big-endian. */
export function encode(domain: string, fields: readonly Uint8Array[]): Bytes {
  return concat([utf8(domain), ...fields].flatMap((part) => [u32(part.length), part]));
}

/** What a sealed object is and where it belongs. */
export interface Header {
  organisation: string;
  session?: string | null;
  object: string;
  purpose: string;
}

/** The canonical bytes of `header`: a container's context, and bound into the seal of its key. */
export function encodeHeader({ organisation, session, object, purpose }: Header): Bytes {
  return encode(HEADER_DOMAIN, [organisation, session ?? '', object, purpose].map(utf8));
}

export function concat(parts: readonly Uint8Array[]): Bytes {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Four bytes, big-endian. */
export function u32(value: number): Bytes {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, value);
  return out;
}

export async function sha256(bytes: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
}

/** HMAC of `message`; `hash` is `SHA-256` or `SHA-512`. WebCrypto takes no empty key. */
export async function hmac(hash: string, key: Bytes, message: Bytes): Promise<Bytes> {
  const imported = await crypto.subtle.importKey('raw', key, { name: 'HMAC', hash }, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, message));
}

/** HKDF-Expand (RFC 5869, 2.3) with the pseudorandom key as it is: WebCrypto's own HKDF always extracts first. */
export async function expand(hash: string, key: Bytes, info: Bytes, length: number): Promise<Bytes> {
  let block: Bytes = new Uint8Array();
  let out: Bytes = new Uint8Array();
  for (let count = 1; out.length < length; count += 1) {
    block = await hmac(hash, key, concat([block, info, Uint8Array.of(count)]));
    out = concat([out, block]);
  }
  return out.slice(0, length);
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Base64 with padding, as `Upload-Metadata` of tus has it. */
export function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

/** Base64url without padding. */
export function base64url(bytes: Uint8Array): string {
  return base64(bytes).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/** Throws for what is not base64url. */
export function fromBase64url(value: string): Bytes {
  return Uint8Array.from(atob(value.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0));
}
