import { describe, expect, test } from 'vitest';
import { greyOf, patchPlace } from './patch';
import { geometryOf, initial, step, type Pen, type PenEffect, type PenEvent, type Tool } from './pen';

const with_ = (tool: Tool): Pen => ({ ...initial, tool });
const at = (x: number, y = 0.5) => ({ x, y });

/** Where a row of events leads, with everything it asked for. */
function run(pen: Pen, ...events: PenEvent[]): { pen: Pen; effects: PenEffect[] } {
  const effects: PenEffect[] = [];
  for (const event of events) {
    const next = step(pen, event, 4 / 3);
    pen = next.pen;
    effects.push(...next.effects);
  }
  return { pen, effects };
}
const committed = (effects: PenEffect[]) => effects.flatMap((one) => (one.do === 'commit' ? [one.geometry] : []));
const kinds = (effects: PenEffect[]) => effects.map((one) => one.do);

describe('by pointer', () => {
  /** Pen down holds the picture before anything is said of the stroke; pen up commits where it is then. */
  test('a point', () => {
    const { pen, effects } = run(with_('point'), { type: 'down', at: at(0.2) }, { type: 'move', at: at(0.3) }, { type: 'up', at: at(0.3) });
    expect(kinds(effects)).toEqual(['hold', 'say', 'say', 'commit']);
    expect(committed(effects)).toEqual([{ kind: 'point', at: at(0.3) }]);
    expect(pen.stroke).toBeUndefined();
  });

  test('an arrow, drawn or by two clicks', () => {
    const drawn = run(with_('arrow'), { type: 'down', at: at(0.2) }, { type: 'move', at: at(0.3) }, { type: 'up', at: at(0.4) });
    expect(committed(drawn.effects)).toEqual([{ kind: 'arrow', from: at(0.2), to: at(0.4) }]);
    const clicked = run(with_('arrow'), { type: 'down', at: at(0.2) }, { type: 'up', at: at(0.2) }, { type: 'move', at: at(0.3) }, { type: 'down', at: at(0.4) }, { type: 'up', at: at(0.4) });
    expect(committed(clicked.effects)).toEqual([{ kind: 'arrow', from: at(0.2), to: at(0.4) }]);
    expect(kinds(clicked.effects).filter((one) => one === 'hold')).toHaveLength(1);
  });

  /** A box without height is a click as well. */
  test('a box', () => {
    const flat = run(with_('rectangle'), { type: 'down', at: at(0.2) }, { type: 'up', at: at(0.6) });
    expect(committed(flat.effects)).toEqual([]);
    const box = run(with_('rectangle'), { type: 'down', at: at(0.2, 0.2) }, { type: 'up', at: at(0.6, 0.6) });
    expect(committed(box.effects)).toEqual([{ kind: 'rectangle', from: at(0.2, 0.2), to: at(0.6, 0.6) }]);
  });

  /** A line that leaves the picture goes along its edge; a tap is no line. */
  test('a line', () => {
    const { effects } = run(with_('pen'), { type: 'down', at: at(0.5) }, { type: 'move', at: at(0.8, 0.4) }, { type: 'move', at: at(1.4, -1) }, { type: 'up', at: at(1.4, -1) });
    expect(committed(effects)).toEqual([{ kind: 'freehand', points: [at(0.5), at(0.8, 0.4), at(1, 0)] }]);
    expect(kinds(run(with_('pen'), { type: 'down', at: at(0.5) }, { type: 'up', at: at(0.5) }).effects)).toEqual(['hold', 'say', 'abandon']);
  });

  /** However long somebody scribbles, memory and the mark stay bounded. */
  test('a line without end', () => {
    const scribble = Array.from({ length: 10_000 }, (_, index): PenEvent => ({ type: 'move', at: at(((index * 7919) % 1000) / 1000, ((index * 104729) % 997) / 997) }));
    const { pen } = run(with_('pen'), { type: 'down', at: at(0.5) }, ...scribble);
    expect(pen.stroke?.points.length).toBeLessThanOrEqual(2048);
    const geometry = geometryOf(pen, 1);
    expect(geometry?.kind === 'freehand' && geometry.points.length <= 512).toBe(true);
  });

  /** Without a tool nothing is drawn. */
  test('nothing', () => {
    expect(run(initial, { type: 'down', at: at(0.5) }, { type: 'up', at: at(0.6) })).toEqual({ pen: initial, effects: [] });
  });
});

describe('by keys', () => {
  /** The first Enter shows the crosshair; nothing is set where nobody sees it. */
  test('a point', () => {
    const shown = run(with_('point'), { type: 'set' });
    expect([shown.pen.crosshair, shown.effects]).toEqual([at(0.5), []]);
    const { effects } = run(shown.pen, { type: 'nudge', dx: 0.05, dy: 0 }, { type: 'nudge', dx: 0, dy: -0.01 }, { type: 'set' });
    expect(kinds(effects)).toEqual(['hold', 'say', 'commit']);
    expect(committed(effects)).toEqual([{ kind: 'point', at: at(0.55, 0.49) }]);
  });

  test('an arrow', () => {
    const { pen, effects } = run(with_('arrow'), { type: 'nudge', dx: 0, dy: 0 }, { type: 'set' }, { type: 'set' }, { type: 'nudge', dx: 0.05, dy: 0 }, { type: 'set' });
    expect(committed(effects)).toEqual([{ kind: 'arrow', from: at(0.5), to: at(0.55) }]);
    expect(pen.crosshair).toEqual(at(0.55));
  });

  test('a line', () => {
    const { effects } = run(with_('pen'), { type: 'nudge', dx: 0, dy: 0 }, { type: 'set' }, { type: 'nudge', dx: 0.05, dy: 0 }, { type: 'nudge', dx: 0, dy: 0.05 }, { type: 'set' });
    expect(committed(effects)).toEqual([{ kind: 'freehand', points: [at(0.5), at(0.55), at(0.55, 0.55)] }]);
  });

  /** The crosshair stays in the picture. */
  test('the edge', () => {
    expect(run(with_('point'), ...Array.from({ length: 30 }, (): PenEvent => ({ type: 'nudge', dx: -0.05, dy: 0 }))).pen.crosshair).toEqual(at(0));
  });
});

describe('put away', () => {
  /** Escape abandons the stroke first, then the crosshair, then is not for the pen any more. */
  test('by Escape', () => {
    const { pen } = run(with_('arrow'), { type: 'nudge', dx: 0, dy: 0 }, { type: 'set' });
    const first = step(pen, { type: 'escape' }, 1);
    expect(kinds(first.effects)).toEqual(['abandon']);
    const second = step(first.pen, { type: 'escape' }, 1);
    expect(second.pen.crosshair).toBeUndefined();
    expect(step(second.pen, { type: 'escape' }, 1)).toEqual({ pen: second.pen, effects: [] });
  });

  /** Another tool cannot go on with this one's stroke. */
  test('by another tool', () => {
    const { pen } = run(with_('pen'), { type: 'down', at: at(0.5) });
    const { pen: next, effects } = step(pen, { type: 'tool', tool: 'arrow' }, 1);
    expect([next.tool, next.stroke, kinds(effects)]).toEqual(['arrow', undefined, ['abandon']]);
  });
});

describe('the patch', () => {
  const picture = { width: 640, height: 480 };

  /** It lies in the picture, on whole pixels, with room around the mark, and is never larger than allowed. */
  test.each([
    [{ kind: 'point', at: at(0.5) } as const],
    [{ kind: 'point', at: at(0, 0) } as const],
    [{ kind: 'point', at: at(1, 1) } as const],
    [{ kind: 'arrow', from: at(0, 0), to: at(1, 1) } as const],
  ])('%o', (geometry) => {
    const { from, to, width, height } = patchPlace(geometry, picture);
    for (const edge of [from.x, from.y, to.x, to.y]) expect(edge >= 0 && edge <= 1).toBe(true);
    expect(from.x < to.x && from.y < to.y).toBe(true);
    for (const side of [width, height]) expect(side >= 1 && side <= 128 && Number.isInteger(side)).toBe(true);
    expect(Number.isInteger(from.x * picture.width)).toBe(true);
  });

  test('grey levels', () => {
    expect([...greyOf(Uint8ClampedArray.of(255, 255, 255, 255, 0, 0, 0, 255, 255, 0, 0, 255))]).toEqual([255, 0, 54]);
  });
});
