/**
 * The sealed object, made in a browser: Cobblestone-256 of C2SP `chunked-encryption`, as `core/seal/src/container.rs` has it.
 *
 * ```text
 *  salt 24 ‖ commitment 32 ‖ chunks of 16384 + tag 16 … the last one short
 * ```
 * Only sealing is here: the console gets plaintext from the server, and a patient's page opens nothing.
 */
import { concat, expand, utf8, type Bytes } from './encoding';

const CHUNK = 16 * 1024;
const SALT = 24;
const INFO = utf8('c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0');

/** Bytes of a key. */
export const KEY = 32;

/**
 * The container of `plaintext` under `key`, bound to `header` (`encodeHeader`). The salt is random; only vectors choose it:
 * one that comes back under the same key gives the plaintext away.
 */
export async function seal(
  key: Bytes,
  header: Bytes,
  plaintext: Bytes,
  salt: Bytes = crypto.getRandomValues(new Uint8Array(SALT)),
): Promise<Bytes> {
  const material = await expand('SHA-512', key, concat([INFO, salt, header]), KEY + 12 + 32);
  const cipher = await crypto.subtle.importKey('raw', material.slice(0, KEY), 'AES-GCM', false, ['encrypt']);
  const parts = [salt, material.slice(KEY + 12)];
  // A length that fills its chunks ends with an empty one, so that a cut at a chunk's end is seen.
  for (let index = 0; index * CHUNK <= plaintext.length; index += 1) {
    const iv = material.slice(KEY, KEY + 12);
    const counter = new DataView(iv.buffer);
    counter.setUint32(8, counter.getUint32(8) ^ index);
    const chunk = plaintext.subarray(index * CHUNK, (index + 1) * CHUNK);
    parts.push(new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, cipher, chunk)));
  }
  material.fill(0);
  return concat(parts);
}
