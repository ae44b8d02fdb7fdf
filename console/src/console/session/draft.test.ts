import { describe, expect, test } from 'vitest';
import * as machine from './draft';

const start = machine.loaded({ text: 'a', revision: 3 });

describe('the note', () => {
  /** What is typed while a save is under way is saved next, over the new revision. */
  test('typing during a save', () => {
    const under_way = machine.sending(machine.typed(start, 'ab'));
    const after = machine.taken(machine.typed(under_way, 'abc'), 4);
    expect(after).toMatchObject({ state: 'dirty', text: 'abc', base: { text: 'ab', revision: 4 } });
    expect(machine.taken(machine.sending(after), 5).state).toBe('saved');
  });

  /** A failed save keeps the text and is due again. */
  test('failure loses nothing', () => {
    const after = machine.failed(machine.sending(machine.typed(start, 'ab')));
    expect(after.text).toBe('ab');
    expect(machine.wants(after)).toBe(true);
    expect(machine.atRisk(after)).toBe(true);
  });

  /** In a conflict neither version is lost before the person decides, and nothing is sent meanwhile. */
  test('a conflict waits for the person', () => {
    const theirs = { text: 'theirs', revision: 9 };
    const torn = machine.conflicted(machine.sending(machine.typed(start, 'mine')), theirs);
    const more = machine.typed(torn, 'mine too');
    expect(more).toMatchObject({ state: 'conflict', text: 'mine too', theirs });
    expect(machine.wants(more)).toBe(false);
    expect(machine.keptMine(more)).toMatchObject({ state: 'dirty', text: 'mine too', base: { revision: 9 } });
    expect(machine.tookTheirs(more)).toMatchObject({ state: 'saved', text: 'theirs' });
  });

  /** The same text from another window is no conflict. */
  test('equal texts agree', () => {
    expect(machine.conflicted(machine.sending(machine.typed(start, 'b')), { text: 'b', revision: 8 }).state).toBe('saved');
  });

  /** Typing back to what is stored leaves nothing to save; nothing is typed before the note was read. */
  test('no needless saves', () => {
    expect(machine.wants(machine.typed(machine.typed(start, 'ab'), 'a'))).toBe(false);
    expect(machine.typed(machine.empty(), 'x').text).toBe('');
  });
});
