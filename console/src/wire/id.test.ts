import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { identifier } from './id';

/** The text form is that of the contract, in its alphabet and length; two are never the same. */
test('an identifier has the form of the contract', () => {
  const contract = readFileSync(new URL('../../../core/protocol/src/id.rs', import.meta.url), 'utf8');
  expect(contract).toContain('"0123456789abcdefghjkmnpqrstvwxyz"');
  expect(identifier('obj')).toMatch(/^obj_[0-9a-hjkmnp-tv-z]{26}$/);
  expect(identifier('obj')).not.toBe(identifier('obj'));
  expect(identifier('obj', new Uint8Array(16))).toBe(`obj_${'0'.repeat(26)}`);
  expect(identifier('obj', new Uint8Array(16).fill(255))).toBe(`obj_${'z'.repeat(25)}w`);
  expect(identifier('obj', Uint8Array.of(0b00001_000, ...new Uint8Array(15)))).toBe(`obj_1${'0'.repeat(25)}`);
});
