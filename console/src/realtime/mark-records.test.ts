import { describe, expect, test } from 'vitest';
import type { Drawing, Mark, MarkPosition } from '../wire/types';
import { decodeDrawing, decodeMarkFrame, decodeMarkSet, encodeDrawing } from './mark-records';

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const id = (letter: string) => `mrk_${letter.repeat(26)}`;
const par = (letter: string) => `par_${letter.repeat(26)}`;

const mark: Mark = {
  v: 1, id: id('a'), author: par('s'), camera: par('c'), capture_us: 12_000_000,
  geometry: { kind: 'arrow', from: { x: 0.25, y: 0.5 }, to: { x: 0.5, y: 0.5 } },
  style: { colour: 'yellow', width: 0.005 },
};
const place: MarkPosition = { id: id('a'), state: 'tracked', error_px: 0.3, map: [1, 0, 0, 0, 1, 0, 0, 0, 1] };
const drawing: Drawing = { v: 1, camera: par('c'), capture_us: 5, stroke: { id: id('a'), geometry: mark.geometry, style: mark.style } };
const set = (...marks: unknown[]) => decodeMarkSet(bytes({ v: 1, revision: 3, marks }));
const frame = (...marks: unknown[]) => decodeMarkFrame(bytes({ v: 1, capture_us: 7, marks }));

describe('committed marks', () => {
  /** Every kind is read, and the patch, which shows a patient, stays behind. */
  test('are read', () => {
    const patch = { from: { x: 0, y: 0 }, to: { x: 0.1, y: 0.1 }, width: 1, height: 1, grey: 'AA' };
    expect(set({ ...mark, patch })).toEqual({ v: 1, revision: 3, marks: [mark] });
    for (const geometry of [
      { kind: 'point', at: { x: 0, y: 1 } },
      { kind: 'rectangle', from: { x: 0, y: 0 }, to: { x: 1, y: 1 } },
      { kind: 'ellipse', from: { x: 0, y: 0 }, to: { x: 1, y: 1 } },
      { kind: 'freehand', points: [{ x: 0, y: 0 }, { x: 1, y: 1 }] },
    ]) expect(set({ ...mark, geometry })?.marks[0]?.geometry).toEqual(geometry);
  });

  /** One that is not understood, or out of its range, is left out; the others stay. */
  test.each([
    ['another format', { v: 2 }],
    ['a name of another kind', { id: `ses_${'a'.repeat(26)}` }],
    ['a name with a letter that is none', { id: `mrk_${'u'.repeat(26)}` }],
    ['no camera', { camera: undefined }],
    ['a time that is no number', { capture_us: '12' }],
    ['a point outside', { geometry: { kind: 'point', at: { x: 1.01, y: 0 } } }],
    ['a kind of the future', { geometry: { kind: 'text', at: { x: 0, y: 0 } } }],
    ['a line of one point', { geometry: { kind: 'freehand', points: [{ x: 0, y: 0 }] } }],
    ['a line with a hole', { geometry: { kind: 'freehand', points: [{ x: 0, y: 0 }, null, { x: 1, y: 1 }] } }],
    ['a line too long', { geometry: { kind: 'freehand', points: Array.from({ length: 513 }, () => ({ x: 0, y: 0 })) } }],
    ['a colour that is none', { style: { colour: 'green', width: 0.005 } }],
    ['a line that covers all', { style: { colour: 'pink', width: 0.5 } }],
  ])('leave out %s', (_, change) => {
    expect(set({ ...mark, ...change }, { ...mark, id: id('b') })?.marks.map((one) => one.id)).toEqual([id('b')]);
  });

  /** What is no set, or larger than one may be, is refused before anything is made of it. */
  test('are refused whole', () => {
    expect(decodeMarkSet(bytes({ v: 2, revision: 3, marks: [] }))).toBeUndefined();
    expect(decodeMarkSet(bytes({ v: 1, revision: -1, marks: [] }))).toBeUndefined();
    expect(decodeMarkSet(bytes({ v: 1, revision: 1, marks: {} }))).toBeUndefined();
    expect(set(...Array.from({ length: 65 }, () => mark))).toBeUndefined();
    expect(decodeMarkSet(new Uint8Array(1024 * 1024 + 1).fill(32))).toBeUndefined();
    expect(decodeMarkSet(Uint8Array.of(0xff, 0xfe))).toBeUndefined();
  });
});

describe('positions on a frame', () => {
  /** A lost mark comes with its reason and its ghost. */
  test('are read', () => {
    const lost = { ...place, state: 'lost', reason: 'out_of_view', ghost: { at: { x: 1, y: 0.5 }, direction: -0.5 } };
    expect(frame(place, lost)).toEqual({ v: 1, capture_us: 7, marks: [place, lost] });
    expect(frame({ ...place, state: 'lost', reason: 'tired' })?.marks[0]?.reason).toBeUndefined();
  });

  /** No position is better than a broken one. */
  test.each([
    ['a map of eight', { map: [1, 0, 0, 0, 1, 0, 0, 0] }],
    ['a map with a hole', { map: [1, 0, 0, 0, null, 0, 0, 0, 1] }],
    ['a map beyond all measure', { map: [1e9, 0, 0, 0, 1, 0, 0, 0, 1] }],
    ['an error that is none', { error_px: -1 }],
    ['a state of the future', { state: 'guessed' }],
  ])('leave out %s', (_, change) => {
    expect(frame({ ...place, ...change }, { ...place, id: id('b') })?.marks.map((one) => one.id)).toEqual([id('b')]);
  });

  test('are bounded', () => {
    expect(frame(...Array.from({ length: 64 }, () => place))?.marks).toHaveLength(64);
    expect(frame(...Array.from({ length: 65 }, () => place))).toBeUndefined();
    expect(decodeMarkFrame(bytes({ v: 1, capture_us: 7, marks: [], more: 'x'.repeat(32 * 1024) }))).toBeUndefined();
    expect(decodeMarkFrame(bytes({ v: 1, capture_us: 7.5, marks: [] }))).toBeUndefined();
  });
});

describe('a drawing', () => {
  /** What one page says, another one reads; the last record has no stroke. */
  test('is read as it was said', () => {
    const { stroke: _, ...over } = drawing;
    for (const one of [drawing, over]) expect(decodeDrawing(encodeDrawing(one))).toEqual(one);
  });

  test('is checked', () => {
    expect(decodeDrawing(bytes({ ...drawing, camera: 'par_1' }))).toBeUndefined();
    expect(decodeDrawing(bytes({ ...drawing, stroke: { ...drawing.stroke, id: 'x' } }))).toBeUndefined();
    expect(decodeDrawing(bytes({ ...drawing, more: 'x'.repeat(32 * 1024) }))).toBeUndefined();
  });
});
