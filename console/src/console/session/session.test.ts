/** One open session: the still that both look at, and the strokes that are drawn meanwhile. The viewer and the server are played. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Frozen, Viewer } from '../../realtime/viewer';
import { text } from '../../text';
import { ProblemError } from '../../wire/api';
import * as staff from '../../wire/staff';
import type { Listener } from '../../wire/stream';
import type { SessionState, SessionView, StaffEvent } from '../../wire/types';
import { OpenSession } from './session.svelte';

/** A wish for a still that the viewer has not answered. */
interface Wish {
  resolve: (frozen: Frozen) => void;
  reject: (error: Error) => void;
}
const world = vi.hoisted(() => ({
  wishes: [] as Wish[],
  unfreeze: vi.fn<Viewer['unfreeze']>(),
  stream: undefined as Listener<StaffEvent> | undefined,
}));

vi.mock('../../realtime/viewer', () => ({
  openViewer: (): Partial<Viewer> => ({
    freeze: () =>
      new Promise((resolve, reject) => {
        world.wishes.push({ resolve, reject });
      }),
    unfreeze: world.unfreeze,
    stats: () => undefined,
    draw: () => undefined,
    ownMarks: () => undefined,
    close: () => undefined,
  }),
}));
vi.mock('../../wire/staff', () => ({
  eventsPath: () => '',
  freeze: vi.fn(),
  unfreeze: vi.fn(),
  commitMark: vi.fn(() => Promise.resolve()),
}));
vi.mock('../../wire/stream', () => ({
  openStream: (_path: string, _name: string, listener: Listener<StaffEvent>) => {
    world.stream = listener;
    return { close: () => undefined };
  },
}));
vi.mock('../account.svelte', () => ({ account: { isOver: () => false } }));
vi.mock('./note.svelte', () => ({ NoteEditor: class { load = () => Promise.resolve(); finish = () => undefined; close = () => undefined; } }));
vi.mock('./patch', () => ({ patchOf: () => undefined }));

const guest = { id: 'par_a', kind: 'guest', name: '', presence: 'admitted', grants: ['camera'], device: '', arrived_us: 1, admitted_us: 2 } as const;
const state: SessionState = {
  v: 1, organisation: 'org', session: 'ses', revision: 1, at_us: 0, phase: 'live', participants: [{ ...guest, grants: ['camera'] }],
};
const view = { id: 'ses', title: '', me: 'par_sam', state, invites: [] } as unknown as SessionView;

let session: OpenSession;
beforeEach(() => {
  vi.useFakeTimers();
  session = new OpenSession(view);
});
afterEach(() => {
  session.close();
  world.wishes.length = 0;
  vi.clearAllMocks();
  vi.useRealTimers();
});

const picture = (frame_us: number) => ({ frame_us, bitmap: { close: vi.fn() } as unknown as ImageBitmap });
const passed = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const told = (more: Partial<SessionState>) => world.stream?.onMessage({ state: { ...state, ...more }, invites: [] });
const point = () => {
  session.marking.tell({ type: 'tool', tool: 'point' });
  session.marking.tell({ type: 'down', at: { x: 0.5, y: 0.5 } });
  session.marking.tell({ type: 'up', at: { x: 0.5, y: 0.5 } });
};

/** A mark on a still that the server has not heard of yet does not let it go; going back to live does. */
test('what is frozen for both stays, however slow the server is', async () => {
  let heard = (): void => undefined;
  vi.mocked(staff.freeze).mockReturnValue(new Promise((resolve) => (heard = resolve)));
  const freezing = session.freeze();
  world.wishes[0]?.resolve(picture(5));
  await passed(0);
  point();
  await passed(5_000);
  expect(session.viewing?.still?.frame_us).toBe(5);
  expect(world.unfreeze).not.toHaveBeenCalled();
  heard();
  await freezing;
  told({ revision: 2, frozen: { participant: guest.id, frame_us: 5, since_us: 1 } });
  told({ revision: 3 });
  expect(session.viewing?.still).toBeUndefined();
});

/** Refused, or no picture: this window is live again, and so it is after the next stroke. */
test.each([
  ['the server refuses', true],
  ['there is no picture', false],
])('nothing stays frozen when %s', async (_, there) => {
  vi.mocked(staff.freeze).mockRejectedValue(new ProblemError('conflict', 409));
  const freezing = session.freeze();
  if (there) world.wishes[0]?.resolve(picture(5));
  else world.wishes[0]?.reject(new Error('there is no picture to freeze'));
  await freezing;
  expect(session.viewing?.still).toBeUndefined();
  point();
  world.wishes[1]?.resolve(picture(6));
  await passed(0);
  expect(session.viewing?.still?.frame_us).toBe(6);
  await passed(600);
  expect(session.viewing?.still).toBeUndefined();
});

/** A session that is over while the server refuses has no view to let go. */
test('a freeze that the end overtakes is told as what it is', async () => {
  let refused = (_error: Error): void => undefined;
  vi.mocked(staff.freeze).mockReturnValue(new Promise((_, reject) => (refused = reject)));
  const freezing = session.freeze();
  world.wishes[0]?.resolve(picture(5));
  await passed(0);
  told({ revision: 2, phase: 'ended', ended: { at_us: 3, reason: 'technician' } });
  refused(new ProblemError('session-ended', 409));
  await freezing;
  expect(session.problem).toBe('');
});

/** The answer to a wish that was let go is not the still of the next one, though both are of the same camera. */
test('a late still is not taken for the one that is wanted', async () => {
  const { viewing } = session;
  const first = viewing?.freeze(guest.id);
  viewing?.unfreeze();
  const second = viewing?.freeze(guest.id);
  const [late, wanted] = [picture(5), picture(6)];
  world.unfreeze.mockClear();
  world.wishes[0]?.resolve(late);
  expect(await first).toBeUndefined();
  expect(late.bitmap.close).toHaveBeenCalled();
  expect(world.unfreeze).not.toHaveBeenCalled();
  world.wishes[1]?.resolve(wanted);
  expect(await second).toBe(6);
  expect(viewing?.still?.bitmap).toBe(wanted.bitmap);
});

/** Whoever drew a mark learns that there was no picture to keep it on. */
test('a mark without a picture is said to be lost', async () => {
  point();
  world.wishes[0]?.reject(new Error('there is no picture to freeze'));
  await passed(0);
  expect(session.problem).toBe(text.marks.notKept);
  expect(staff.commitMark).not.toHaveBeenCalled();
});
