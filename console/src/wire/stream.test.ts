import { describe, expect, test } from 'vitest';
import { backoffMs, parser } from './stream';

const events = (...parts: string[]) => {
  const seen: [string, string][] = [];
  const parse = parser((name, data) => seen.push([name, data]));
  for (const part of parts) parse(part);
  return seen;
};

describe('server-sent events', () => {
  /** An event is the same however the network cuts it. */
  test('cut anywhere', () => {
    const whole = 'event: state\ndata: {"a":1}\n\n';
    for (let at = 0; at <= whole.length; at++) {
      expect(events(whole.slice(0, at), whole.slice(at))).toEqual([['state', '{"a":1}']]);
    }
  });

  /** Comments (keep-alives) and unknown fields say nothing; several data lines are one text. */
  test('comments, other fields, several lines', () => {
    expect(events(': hi\n\n', 'id: 7\nretry: 10\ndata: a\ndata: b\n\n', 'data:c\n\n')).toEqual([
      ['message', 'a\nb'],
      ['message', 'c'],
    ]);
  });

  /** An event without an end does not fill the memory. */
  test('an endless event is refused', () => {
    expect(() => events('data: ' + 'x'.repeat(2 ** 20))).toThrow(RangeError);
  });
});

describe('back-off', () => {
  /** It grows to 8 s and no further, and is never less than half of that: no storm, no give-up. */
  test('bounds', () => {
    expect([0, 1, 2, 3, 4, 5, 500].map((attempt) => backoffMs(attempt, 1))).toEqual([500, 1000, 2000, 4000, 8000, 8000, 8000]);
    expect(backoffMs(500, 0)).toBe(4000);
  });
});
