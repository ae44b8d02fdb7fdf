import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CLOSE } from './close';

/** The page and the relay mean the same by each number. */
test('close codes are the contract', () => {
  const contract = readFileSync(new URL('../../../core/protocol/src/close.rs', import.meta.url), 'utf8');
  const codes = [...contract.matchAll(/^ {4}(\w+) = (\d+), "/gm)].map(([, name = '', wire]) => [name, Number(wire)] as const);
  expect(codes.length).toBeGreaterThan(5);
  expect(CLOSE).toEqual(Object.fromEntries(codes));
});
