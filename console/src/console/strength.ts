/**
 * How hard a new password is to guess, roughly. A hint beside the field, never a rule: the server asks for length only
 * (NIST SP 800-63B). Length counts; repetition, runs and the person's own data do not.
 */

export type Strength = { kind: 'short'; missing: number } | { kind: 'weak' } | { kind: 'fair' } | { kind: 'strong' };

/** `core/protocol/src/limits.rs`: `PASSWORD_MIN_CHARS`. */
export const PASSWORD_MIN = 15;

const COMMON = /pass(word|wort)?|qwert[yz]?|letmein|welcome|admin|handlens|secret|iloveyou|abc|123|2024|2025|2026/gi;

/** `known` is what others know of the person: name, organisation, e-mail. */
export function strength(password: string, known: string[] = []): Strength {
  const length = [...password].length;
  if (length < PASSWORD_MIN) return { kind: 'short', missing: PASSWORD_MIN - length };
  const worth = surprising(password, known);
  return { kind: worth < 12 ? 'weak' : worth < 18 ? 'fair' : 'strong' };
}

/** Characters that do not follow from those before them. */
function surprising(password: string, known: string[]): number {
  let rest = password.toLowerCase().replace(COMMON, '');
  for (const word of known.flatMap((one) => one.toLowerCase().split(/[\s@.]+/))) {
    if (word.length >= 3) rest = rest.replaceAll(word, '');
  }
  const chars = [...rest];
  const fresh = chars.filter((char, i) => {
    const before = chars[i - 1];
    if (before === undefined) return true;
    const step = (char.codePointAt(0) ?? 0) - (before.codePointAt(0) ?? 0);
    return Math.abs(step) > 1;
  });
  return Math.min(fresh.length, new Set(chars).size * 1.8);
}
