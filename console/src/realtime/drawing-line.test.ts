import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Drawing } from '../wire/types';
import { DrawingLine } from './drawing-line';
import { decodeDrawing } from './mark-records';
import type { Track } from './moq';

const id = (prefix: string) => `${prefix}_${'a'.repeat(26)}`;
const drawing = (x: number): Drawing => ({
  v: 1, camera: id('par'), capture_us: 1,
  stroke: { id: id('mrk'), geometry: { kind: 'point', at: { x, y: 0 } }, style: { colour: 'pink', width: 0.006 } },
});
const over: Drawing = { v: 1, camera: id('par'), capture_us: 1 };

let said: (number | undefined)[];
let line: DrawingLine;
beforeEach(() => {
  vi.useFakeTimers();
  said = [];
  line = new DrawingLine();
  const writeFrame = ({ payload }: { payload: Uint8Array }) => {
    const geometry = decodeDrawing(payload)?.stroke?.geometry;
    said.push(geometry?.kind === 'point' ? geometry.at.x : undefined);
  };
  line.attach({ writeFrame } as unknown as Track.Producer);
});
afterEach(() => {
  vi.useRealTimers();
});

/** Pen down is said at once, the way of it at most fifteen times a second with the newest last, and the end at once. */
test('a stroke is said fifteen times a second', () => {
  for (let ms = 0; ms < 1_000; ms += 5) {
    line.say(drawing(ms / 1_000));
    if (ms === 0) expect(said).toEqual([0]);
    vi.advanceTimersByTime(5);
  }
  expect(said.length).toBeGreaterThan(10);
  expect(said.length).toBeLessThanOrEqual(16);
  line.say(drawing(1));
  line.say(over);
  expect(said.at(-1)).toBeUndefined();
  vi.advanceTimersByTime(1_000);
  expect(said.filter((one) => one === undefined)).toHaveLength(1);
  expect(said.at(-1)).toBeUndefined();
});

/** A stroke right after another one does not wait for its turn. */
test('the next stroke is said at once', () => {
  line.say(drawing(0.1));
  line.say(over);
  line.say(drawing(0.2));
  expect(said).toEqual([0.1, undefined, 0.2]);
});
