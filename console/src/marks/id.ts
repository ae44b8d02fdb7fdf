/** Identifiers of marks, in the text form of `core/protocol/src/id.rs`: `mrk_` and 128 random bits in Crockford's base32. */
import type { MarkId } from '../wire/types';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** A new identifier. `bits` are 16 bytes; random ones unless a test gives its own. */
export function markId(bits: Uint8Array = crypto.getRandomValues(new Uint8Array(16))): MarkId {
  let text = 'mrk_';
  let rest = 0;
  let held = 0;
  for (const byte of bits) {
    rest = (rest << 8) | byte;
    held += 8;
    while (held >= 5) {
      held -= 5;
      text += ALPHABET.charAt((rest >> held) & 31);
    }
    rest &= (1 << held) - 1;
  }
  return held > 0 ? text + ALPHABET.charAt((rest << (5 - held)) & 31) : text;
}
