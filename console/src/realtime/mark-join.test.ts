import { describe, expect, test } from 'vitest';
import type { MarkFrame, MarkPosition } from '../wire/types';
import { MarkJoin } from './mark-join';

const FRAME_US = 33_000;
const place: MarkPosition = { id: 'mrk_1', state: 'tracked', error_px: 0.3, map: [1, 0, 0, 0, 1, 0, 0, 0, 1] };
const record = (capture_us: number, marks = [place]): MarkFrame => ({ v: 1, capture_us, marks });
const at = (number: number) => 1_000_000 + number * FRAME_US;

/** A camera whose marks are tracked: frame 0 has its record and is on the screen. */
function tracked(): MarkJoin<number> {
  const join = new MarkJoin<number>();
  join.record(record(at(0)));
  join.push(0, at(0), 0);
  join.take(0);
  return join;
}

describe('a picture and its marks', () => {
  /** Without marks nothing waits: the newest picture is shown, the older ones are superseded. */
  test('without marks the newest wins at once', () => {
    const join = new MarkJoin<number>();
    join.push(1, at(1), 0);
    join.push(2, at(2), 1);
    expect(join.take(1)).toEqual({ picture: 2, superseded: [1] });
    join.record(record(at(2), []));
    join.push(3, at(3), 2);
    expect(join.take(2)?.picture).toBe(3);
  });

  /** A record that comes first is there for its picture. */
  test('a record that is there is used', () => {
    const join = tracked();
    join.record(record(at(1)));
    join.push(1, at(1), 33);
    expect(join.take(33)?.picture).toBe(1);
    expect(join.placed(at(1)).exact).toBe(true);
  });

  /** A picture waits for its record, and is shown with it. */
  test('a picture is held back until its record comes', () => {
    const join = tracked();
    join.push(1, at(1), 33);
    expect(join.take(33)).toBeUndefined();
    expect(join.take(50)).toBeUndefined();
    expect(join.waiting).toBe(1);
    join.record(record(at(1)));
    expect(join.take(51)?.picture).toBe(1);
    expect(join.placed(at(1)).exact).toBe(true);
  });

  /** It waits for one frame interval and no longer; then the newest record that is not newer than it is taken. */
  test('a picture waits for one interval at most', () => {
    const join = tracked();
    join.push(1, at(1), 33);
    join.record(record(at(2)));
    expect(join.take(65)).toBeUndefined();
    expect(join.take(66)?.picture).toBe(1);
    const { exact, positions } = join.placed(at(1));
    expect([exact, positions.size]).toEqual([false, 1]);
  });

  /** Records that are always later than an interval do not stop the pictures. */
  test('late records starve nobody', () => {
    const join = tracked();
    const shown: number[] = [];
    for (let tick = 1; tick <= 60; tick += 1) {
      const now = tick * 16.5;
      if (tick % 2 === 0) {
        join.push(tick / 2, at(tick / 2), now);
        if (tick >= 6) join.record(record(at(tick / 2 - 3)));
      }
      const taken = join.take(now);
      if (taken) shown.push(taken.picture);
    }
    expect(shown.length).toBeGreaterThan(25);
    expect([...shown].sort((a, b) => a - b)).toEqual(shown);
  });

  /** A newer picture whose record is there goes before an older one that still waits. */
  test('a picture with its record overtakes', () => {
    const join = tracked();
    join.push(1, at(1), 33);
    join.push(2, at(2), 40);
    join.record(record(at(2)));
    expect(join.take(41)).toEqual({ picture: 2, superseded: [1] });
  });

  /** Where records stop, marks go: an old place is a wrong one. And nobody waits any more. */
  test('a record that is too old says nothing', () => {
    const join = tracked();
    expect(join.placed(at(3)).positions.size).toBe(1);
    expect(join.placed(at(4)).positions.size).toBe(0);
    join.push(20, at(20), 660);
    expect(join.take(660)?.picture).toBe(20);
  });

  /** A still keeps its marks however long it stands; its record may also come later. */
  test('a still keeps its record', () => {
    const join = tracked();
    join.keep(at(0));
    for (let number = 1; number <= 300; number += 1) join.record(record(at(number)));
    expect(join.placed(at(0)).positions.size).toBe(1);
    join.keep(at(301));
    expect(join.placed(at(301)).exact).toBe(false);
    join.record(record(at(301)));
    expect(join.placed(at(301)).exact).toBe(true);
    join.keep(undefined);
    expect(join.placed(at(0)).positions.size).toBe(0);
  });

  /** Memory is bounded, whatever comes. */
  test('keeps 128 records and three pictures', () => {
    const join = tracked();
    for (let number = 1; number <= 200; number += 1) join.record(record(at(number)));
    expect(join.placed(at(200 - 127)).exact).toBe(true);
    expect(join.placed(at(200 - 128)).exact).toBe(false);
    const pushed = [201, 202, 203, 204, 205].map((number) => join.push(number, at(number), 0));
    expect(pushed).toEqual([[], [], [], [201], [202]]);
    expect(join.clear()).toEqual([203, 204, 205]);
    expect([join.tracked, join.waiting]).toEqual([false, 0]);
  });
});
