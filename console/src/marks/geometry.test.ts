import { describe, expect, test } from 'vitest';
import type { Point } from '../wire/types';
import { apply, applyAll, clamped, contain, inside, outlineOf, pointIn, pointsOf, simplify } from './geometry';
import { markId } from './id';

const bytes = (text: string) => new TextEncoder().encode(text);

describe('identifiers', () => {
  /** The vector of `core/protocol/src/id.rs`. */
  test('have the text form of the server', () => {
    expect(markId(bytes('0123456789abcdef'))).toBe('mrk_60rk4csm6mv3ee1sc5h66s35cr');
    expect(markId(new Uint8Array(16))).toBe(`mrk_${'0'.repeat(26)}`);
    expect(markId(new Uint8Array(16).fill(255))).toBe(`mrk_${'z'.repeat(25)}w`);
  });

  /** Nobody gives one twice. */
  test('are random', () => {
    const many = new Set(Array.from({ length: 100 }, () => markId()));
    expect(many.size).toBe(100);
    for (const one of many) expect(one).toMatch(/^mrk_[0-9a-hjkmnp-tv-z]{26}$/);
  });
});

describe('the picture on the stage', () => {
  /** A picture stands whole in the middle: bars beside a narrow one, above and below a wide one. */
  test('leaves bars', () => {
    expect(contain({ width: 1000, height: 480 }, { width: 640, height: 480 })).toEqual({ left: 180, top: 0, width: 640, height: 480 });
    expect(contain({ width: 390, height: 520 }, { width: 640, height: 480 })).toEqual({ left: 0, top: 113.75, width: 390, height: 292.5 });
  });

  /** Before the first picture, and in a window without room, there is nowhere to draw. */
  test.each([[{ width: 0, height: 0 }, { width: 640, height: 480 }], [{ width: 100, height: 100 }, { width: 0, height: 0 }]])('is nowhere without a size', (room, size) => {
    const box = contain(room, size);
    expect(box.width).toBe(0);
    expect(pointIn(box, 5, 5)).toBeUndefined();
  });

  /** Coordinates are the picture's, also beside it, where a line is led along the edge. */
  test('has coordinates of its own', () => {
    const box = contain({ width: 1000, height: 400 }, { width: 500, height: 400 });
    expect(pointIn(box, 250, 0)).toEqual({ x: 0, y: 0 });
    expect(pointIn(box, 500, 200)).toEqual({ x: 0.5, y: 0.5 });
    const beside = pointIn(box, 0, 200);
    expect(beside && inside(beside)).toBe(false);
    expect(beside && clamped(beside)).toEqual({ x: 0, y: 0.5 });
  });
});

describe('a homography', () => {
  /** Moves points, bends them by the distance, and says when one is behind the camera. */
  test('takes points along', () => {
    expect(apply([1, 0, 0.25, 0, 1, -0.25, 0, 0, 1], { x: 0.5, y: 0.5 })).toEqual({ x: 0.75, y: 0.25 });
    expect(apply([1, 0, 0, 0, 1, 0, 1, 0, 1], { x: 1, y: 0.5 })).toEqual({ x: 0.5, y: 0.25 });
    expect(apply([1, 0, 0, 0, 1, 0, -2, 0, 1], { x: 0.75, y: 0.5 })).toBeUndefined();
  });

  /** A line is taken along whole, or not at all. */
  test('takes no half marks along', () => {
    const map = [1, 0, 0, 0, 1, 0, -2, 0, 1];
    expect(applyAll(map, [{ x: 0.1, y: 0.5 }, { x: 0.2, y: 0.5 }])).toHaveLength(2);
    expect(applyAll(map, [{ x: 0.1, y: 0.5 }, { x: 0.9, y: 0.5 }])).toBeUndefined();
  });
});

describe('a shape', () => {
  const [from, to] = [{ x: 0.2, y: 0.3 }, { x: 0.6, y: 0.7 }];

  /** The points that carry it are those of the contract; a ring is drawn with more, all on its frame or inside. */
  test('has its points', () => {
    expect(pointsOf({ kind: 'rectangle', from, to })).toEqual([from, { x: 0.6, y: 0.3 }, to, { x: 0.2, y: 0.7 }]);
    expect(pointsOf({ kind: 'ellipse', from, to })).toHaveLength(4);
    const ring = outlineOf({ kind: 'ellipse', from, to });
    expect(ring.length).toBeGreaterThan(40);
    for (const { x, y } of ring) expect(((x - 0.4) / 0.2) ** 2 + ((y - 0.5) / 0.2) ** 2).toBeCloseTo(1);
  });
});

describe('a line', () => {
  const wave = (count: number): Point[] =>
    Array.from({ length: count }, (_, at) => ({ x: at / (count - 1), y: 0.5 + 0.3 * Math.sin((at / (count - 1)) * 20) }));

  /** What is straight needs two points. */
  test('loses what is straight', () => {
    const straight = Array.from({ length: 100 }, (_, at) => ({ x: at / 99, y: 0.5 }));
    expect(simplify(straight, 4 / 3)).toEqual([straight[0], straight[99]]);
  });

  /** The ends stay, and no point of the long line is further from the short one than was allowed. */
  test('stays where it was', () => {
    const long = wave(2000);
    const short = simplify(long, 1);
    expect(short.length).toBeLessThan(200);
    expect([short[0], short.at(-1)]).toEqual([long[0], long.at(-1)]);
    for (const { x, y } of long) {
      const at = short.findIndex((point) => point.x >= x);
      const [a, b] = [short[Math.max(0, at - 1)] ?? short[0], short[at]];
      if (!a || !b) continue;
      const between = b.x === a.x ? a.y : a.y + ((x - a.x) / (b.x - a.x)) * (b.y - a.y);
      expect(Math.abs(between - y)).toBeLessThan(0.006);
    }
  });

  /** However wild, it fits into the contract. */
  test('has at most 512 points', () => {
    const wild = Array.from({ length: 6000 }, (_, at) => ({ x: ((at * 7919) % 1000) / 1000, y: ((at * 104729) % 997) / 997 }));
    expect(simplify(wild, 1).length).toBeLessThanOrEqual(512);
    expect(simplify([{ x: 0, y: 0 }], 1)).toHaveLength(1);
  });
});
