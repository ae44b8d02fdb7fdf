/** Identifiers that are made in a browser, in the text form of `core/protocol/src/id.rs`. */

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** `prefix`, `_`, and 128 bits in Crockford's base32. The bits are random unless a test gives its own 16 bytes. */
export function identifier(prefix: string, bits = crypto.getRandomValues(new Uint8Array(16))): string {
  let text = `${prefix}_`;
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
