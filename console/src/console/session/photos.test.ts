import { describe, expect, test } from 'vitest';
import type { PhotoRequest, SessionState, SnapshotState } from '../../wire/types';
import { lastStored, photoNumber, saidNo, unsent, wayOf } from './photos';

const snapshot = (change: Partial<SnapshotState> = {}): SnapshotState => ({
  id: 'obj_1', participant: 'par_1', announced_us: 5, bytes: 1000, received: 0, ...change,
});
const photo: PhotoRequest = { id: 'req_1', participant: 'par_1', at_us: 1 };
const state = (change: Partial<SessionState> = {}): SessionState => ({
  v: 1,
  organisation: 'org_1',
  session: 'ses_1',
  revision: 1,
  at_us: 0,
  phase: 'live',
  participants: [{ id: 'par_1', kind: 'guest', name: '', presence: 'admitted', grants: [], device: '', arrived_us: 0 }],
  ...change,
});

describe('a photo on its way', () => {
  /** On the phone until the first byte is here; stored only when the server says so. */
  test('is on the phone, sending or stored', () => {
    expect(wayOf(snapshot())).toEqual({ at: 'phone' });
    expect(wayOf(snapshot({ received: 426 }))).toEqual({ at: 'sending', percent: 42 });
    expect(wayOf(snapshot({ received: 1000 }))).toEqual({ at: 'sending', percent: 99 });
    expect(wayOf(snapshot({ received: 1000, stored_us: 9 }))).toEqual({ at: 'stored' });
  });

  /** What is not sent yet is told, in its order and by its number. */
  test('is counted', () => {
    const two = state({ snapshots: [snapshot({ stored_us: 9 }), snapshot({ id: 'obj_2' })] });
    expect(unsent(two).map(({ id }) => id)).toEqual(['obj_2']);
    expect(photoNumber(two, 'obj_2')).toBe(2);
    expect(unsent(state())).toEqual([]);
  });

  /** A screen reader says the one that was stored last, whatever their order. */
  test('is told when it is stored', () => {
    expect(lastStored(state({ snapshots: [snapshot()] }))).toBeUndefined();
    const three = [snapshot({ stored_us: 9 }), snapshot({ id: 'obj_2', stored_us: 7 }), snapshot({ id: 'obj_3' })];
    expect(lastStored(state({ snapshots: three }))?.id).toBe('obj_1');
  });
});

describe('no', () => {
  const asked = state({ photo });

  /** The request went and nothing answers it. */
  test('is told', () => {
    expect(saidNo(asked, state())).toBe('par_1');
  });

  /** Still asked, asked anew, answered, gone or over is not "no". */
  test('is told from everything else', () => {
    expect(saidNo(state(), state())).toBeUndefined();
    expect(saidNo(asked, asked)).toBeUndefined();
    expect(saidNo(asked, state({ photo: { ...photo, id: 'req_2' } }))).toBeUndefined();
    expect(saidNo(asked, state({ snapshots: [snapshot({ request: 'req_1' })] }))).toBeUndefined();
    expect(saidNo(asked, state({ phase: 'ended' }))).toBeUndefined();
    expect(saidNo(asked, state({ participants: [] }))).toBeUndefined();
    // The control: a photo that answers something else does not answer this.
    expect(saidNo(asked, state({ snapshots: [snapshot({ request: 'req_0' })] }))).toBe('par_1');
  });
});
