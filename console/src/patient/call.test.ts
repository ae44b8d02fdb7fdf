import { expect, test } from 'vitest';
import { callUrl } from './call';

/** A number is dialled as its writer meant it, and nothing is dialled where there is none. */
test.each([
  ['+1 (555) 0100-22', 'tel:+1555010022'],
  ['+49 (0)30 901820', 'tel:+4930901820'],
  ['(030) 90 18 20', 'tel:030901820'],
  ['112', 'tel:112'],
  ['', undefined],
  ['+ - ()', undefined],
])('%s is dialled as %s', (phone, url) => {
  expect(callUrl(phone)).toBe(url);
});
