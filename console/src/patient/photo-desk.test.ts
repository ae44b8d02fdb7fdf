import { expect, test, vi } from 'vitest';
import type { GuestView } from '../wire/types';
import type { Event } from './machine';
import { PhotoDesk } from './photo-desk';

const { kept, declined, refuse } = vi.hoisted(() => ({
  kept: [] as (string | undefined)[],
  declined: [] as string[],
  refuse: { now: (_request: string | undefined): void => undefined },
}));
vi.mock('./photo', () => ({
  takeStill: () => Promise.resolve({ bytes: new Uint8Array(), width: 1, height: 1, capture_us: 1 }),
  Photos: class {
    constructor({ onRefused }: { onRefused: (request: string | undefined) => void }) {
      refuse.now = onRefused;
    }

    keep(_view: unknown, _jpeg: unknown, _about: unknown, request?: string) {
      kept.push(request);
      return Promise.resolve();
    }
  },
}));
vi.mock('../wire/guest', () => ({
  declinePhoto: (request: string) => {
    declined.push(request);
    return Promise.resolve();
  },
}));

/** Takes one photo with a camera that may be used so many times, and says what was told. */
async function take(times: number): Promise<Event[]> {
  const said: Event[] = [];
  let left = times;
  const camera = { track: {} as MediaStreamTrack, nextFrame: () => Promise.resolve(undefined) };
  const desk = new PhotoDesk({
    view: () => ({}) as GuestView,
    camera: () => (left-- > 0 ? camera : undefined),
    allowed: () => Promise.resolve(true),
    pause: () => Promise.resolve(),
    tell: (event) => said.push(event),
  });
  await desk.take('req_1');
  return said;
}

/** A camera that is paused before the still, or while it is taken, gives no photo: it is asked on both sides of it. */
test('what is taken in a pause is not kept', async () => {
  const none: Event[] = [{ type: 'photoFailed', problem: 'failed' }];
  expect(await take(0)).toEqual(none);
  expect(await take(1)).toEqual(none);
  expect(kept).toEqual([]);
  expect(await take(2)).toEqual([{ type: 'photoKept' }]);
  expect(kept).toEqual(['req_1']);
});

/** A photo that the server will never take answers its request with "No": the console does not wait for it. */
test('what is refused answers its request', async () => {
  await take(2);
  refuse.now('req_1');
  refuse.now(undefined);
  expect(declined).toEqual(['req_1']);
});
