import { expect, test } from 'vitest';
import type { Mark, MarkPosition } from '../wire/types';
import { MarkLayer } from './mark-layer';

const mark = (id: string, capture_us: number): Mark => ({
  v: 1, id, author: 'par_s', camera: 'par_c', capture_us,
  geometry: { kind: 'point', at: { x: 0.5, y: 0.5 } }, style: { colour: 'cyan', width: 0.006 },
});
const place = (id: string, change: Partial<MarkPosition> = {}): MarkPosition => ({
  id, state: 'tracked', error_px: 1, map: [1, 0, 0.1, 0, 1, 0, 0, 0, 1], ...change,
});
const placed = (...positions: MarkPosition[]) => ({ positions: new Map(positions.map((one) => [one.id, one])), exact: true });
const nowhere = placed();

/** A mark is painted where its position takes it, and told as it was painted. */
test('a tracked mark is where its device says', () => {
  const layer = new MarkLayer();
  layer.commit([mark('a', 5_000)]);
  const { shapes, told } = layer.on(90_000, placed(place('a')));
  expect(shapes).toEqual([{ kind: 'point', outline: [{ x: 0.6, y: 0.5 }], style: { colour: 'cyan', width: 0.006 } }]);
  expect(told).toEqual([{ id: 'a', state: 'tracked', error_px: 1, points: [[0.6, 0.5]] }]);
});

/** Without a position a mark is only on the picture it was drawn on: never on a live frame. */
test('nobody predicts', () => {
  const layer = new MarkLayer();
  layer.commit([mark('a', 5_000)]);
  expect(layer.on(5_400, nowhere).shapes).toHaveLength(1);
  expect(layer.on(38_000, nowhere)).toEqual({ shapes: [], told: [] });
});

/** What this page just sent is on its picture at once, and not twice when the server tells it back. */
test('a sent mark is seen once', () => {
  const layer = new MarkLayer();
  layer.own([mark('a', 5_000)], undefined);
  expect(layer.on(5_000, nowhere).shapes).toHaveLength(1);
  layer.commit([mark('a', 5_000)]);
  expect(layer.on(5_000, nowhere).shapes).toHaveLength(1);
});

/** An approximate mark is paler; a lost one, and one behind the camera, is not painted at all. */
test('what is not known is not painted as if it were', () => {
  const layer = new MarkLayer();
  layer.commit([mark('a', 1), mark('b', 1), mark('c', 1)]);
  const { shapes, told } = layer.on(
    90_000,
    placed(
      place('a', { state: 'approximate' }),
      place('b', { state: 'lost', reason: 'out_of_view', ghost: { at: { x: 1, y: 0.5 } } }),
      place('c', { map: [1, 0, 0, 0, 1, 0, -2, 0, 1] }),
    ),
  );
  expect(shapes.map(({ pale }) => pale)).toEqual([true]);
  expect(told.map(({ id, points, ghost }) => [id, points.length, ghost?.at.x])).toEqual([['a', 1, undefined], ['b', 0, 1], ['c', 0, undefined]]);
});

/** Of a long line 32 points are told, its ends among them. */
test('a long line is told in short', () => {
  const layer = new MarkLayer();
  const points = Array.from({ length: 500 }, (_, at) => ({ x: at / 499, y: 0.5 }));
  layer.commit([{ ...mark('a', 1), geometry: { kind: 'freehand', points } }]);
  const told = layer.on(1, nowhere).told[0]?.points ?? [];
  expect([told.length, told[0], told.at(-1)]).toEqual([32, [0, 0.5], [1, 0.5]]);
});

/** A place that belongs to the picture before is not said to be certain; the very picture it was drawn on is. */
test('a place of the picture before is approximate', () => {
  const layer = new MarkLayer();
  layer.commit([mark('a', 5_000)]);
  const of = (exact: boolean, at: number) => layer.on(at, { ...placed(place('a')), exact }).told.map(({ state }) => state);
  expect(of(true, 38_333)).toEqual(['tracked']);
  expect(of(false, 38_333)).toEqual(['approximate']);
  expect(of(false, 5_000)).toEqual(['tracked']);
});
