import { afterEach, expect, test, vi } from 'vitest';
import { utf8, type Bytes } from '../../seal/encoding';
import { encodeSnapshot } from '../../seal/snapshot';
import { Album } from './album.svelte';

const world = vi.hoisted(() => ({ asked: new Map<string, (bytes: Bytes) => void>() }));
vi.mock('../../wire/staff', () => ({ snapshotPath: (_: string, object: string) => object }));
vi.mock('../../wire/snapshots', () => ({
  readBytes: (path: string) =>
    new Promise<Bytes>((resolve) => {
      world.asked.set(path, resolve);
    }),
}));
vi.mock('../account.svelte', () => ({ account: { isOver: () => false } }));

afterEach(() => {
  world.asked.clear();
  vi.unstubAllGlobals();
});

const answer = (object: string) =>
  world.asked.get(object)?.(encodeSnapshot({ v: 1, capture_us: 1, taken_us: 2, width: 3, height: 4 }, utf8(object)));

/** A slow photo does not push away the one that was asked for after it. */
test('the photo that was asked for last is shown', async () => {
  const album = new Album('ses');
  const both = [album.show('obj_slow'), album.show('obj_fast')];
  answer('obj_fast');
  await both[1];
  expect(album.shown?.object).toBe('obj_fast');
  answer('obj_slow');
  await both[0];
  expect(album.shown?.object).toBe('obj_fast');
  album.close();
});

/** Closed is closed; the photo itself is read once, and the focus goes back to its tile. */
test('a photo that was closed stays closed', async () => {
  const focus = vi.fn();
  vi.stubGlobal('document', { getElementById: (id: string) => (id === 'photo-obj_a' ? { focus } : null) });
  const album = new Album('ses');
  const showing = album.show('obj_a');
  answer('obj_a');
  await showing;
  const late = album.show('obj_b');
  await album.hide();
  expect(focus).toHaveBeenCalledOnce();
  answer('obj_b');
  await late;
  expect(album.shown).toBeUndefined();
  world.asked.clear();
  await album.show('obj_a');
  expect(album.shown?.object).toBe('obj_a');
  expect(world.asked.size).toBe(0);
  album.close();
});
