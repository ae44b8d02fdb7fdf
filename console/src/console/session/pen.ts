/**
 * Drawing as a pure machine: pointer and keys in, the next state and one-shot effects out. Points are the picture's.
 *
 * ```text
 *  idle ──down──▶ drawn with the button held ──up──▶ commit
 *    │                  └──up without way (arrow, box)──▶ anchored ──down … up──▶ commit
 *    └──Enter──▶ anchored at the crosshair ──arrows──▶ ──Enter──▶ commit          Escape: abandon
 * ```
 */
import { FREEHAND_POINTS, clamped, distance, simplify } from '../../marks/geometry';
import type { Colour, Geometry, Point } from '../../wire/types';

export type Tool = 'select' | 'point' | 'arrow' | 'pen' | 'rectangle';
export const TOOLS: readonly Tool[] = ['select', 'point', 'arrow', 'pen', 'rectangle'];
export const COLOURS: readonly Colour[] = ['yellow', 'cyan', 'pink', 'white'];

export interface Stroke {
  points: readonly Point[];
  /** `held`: until the button is up; `anchored`: until the second click or Enter. */
  by: 'held' | 'anchored';
}

export interface Pen {
  tool: Tool;
  colour: Colour;
  stroke?: Stroke;
  /** The crosshair, once a key asked for it. */
  crosshair?: Point;
}

export type PenEvent =
  | { type: 'tool'; tool: Tool }
  | { type: 'colour'; colour: Colour }
  | { type: 'down'; at: Point }
  | { type: 'move'; at: Point }
  | { type: 'up'; at: Point }
  /** An arrow key: by parts of the picture's width and height. */
  | { type: 'nudge'; dx: number; dy: number }
  /** Enter. */
  | { type: 'set' }
  | { type: 'escape' };

export type PenEffect =
  /** The picture that is seen now is the one that is drawn on. */
  | { do: 'hold' }
  /** The others may see how far it is. */
  | { do: 'say' }
  | { do: 'commit'; geometry: Geometry }
  | { do: 'abandon' };

export interface PenStep {
  pen: Pen;
  effects: PenEffect[];
}

export const initial: Pen = { tool: 'select', colour: 'yellow' };

/** An arrow or a side shorter than this was a click, in widths of the picture. */
const CLICK = 0.015;
/** A line shorter than this says nothing. */
const LINE = 0.004;
/** Points of a line in progress before it is thinned. */
const RAW_POINTS = 4 * FREEHAND_POINTS;
/** Five digits are a hundredth of a pixel. */
const DIGITS = 1e5;

/** One thing that happened; `aspect` is the picture's width over its height. Never fails. */
export function step(pen: Pen, event: PenEvent, aspect: number): PenStep {
  switch (event.type) {
    case 'tool':
      return pen.tool === event.tool ? same(pen) : abandoned({ ...pen, tool: event.tool });
    case 'colour':
      return { pen: { ...pen, colour: event.colour }, effects: pen.stroke ? [{ do: 'say' }] : [] };
    case 'down':
      if (pen.tool === 'select') return same(pen);
      if (pen.stroke) return extended({ ...pen, stroke: { ...pen.stroke, by: 'held' } }, rounded(event.at));
      return begun(without(pen, 'crosshair'), rounded(event.at), 'held');
    case 'move':
      return pen.stroke ? extended(pen, rounded(event.at)) : same(pen);
    case 'up':
      if (pen.stroke?.by !== 'held') return same(pen);
      return finished(extended(pen, rounded(event.at)).pen, aspect);
    case 'nudge': {
      if (pen.tool === 'select') return same(pen);
      const { x, y } = pen.crosshair ?? pen.stroke?.points.at(-1) ?? { x: 0.5, y: 0.5 };
      const crosshair = rounded({ x: x + event.dx, y: y + event.dy });
      const moved = { ...pen, crosshair };
      return pen.stroke?.by === 'anchored' ? extended(moved, crosshair) : { pen: moved, effects: [] };
    }
    case 'set': {
      if (pen.tool === 'select' || pen.stroke?.by === 'held') return same(pen);
      // Nobody sets a point where there is no crosshair to see.
      if (!pen.crosshair) return { pen: { ...pen, crosshair: { x: 0.5, y: 0.5 } }, effects: [] };
      if (pen.stroke) return finished(extended(pen, pen.crosshair).pen, aspect);
      const { pen: next, effects } = begun(pen, pen.crosshair, 'anchored');
      if (pen.tool !== 'point') return { pen: next, effects };
      const end = finished(next, aspect);
      return { pen: end.pen, effects: [...effects, ...end.effects] };
    }
    case 'escape':
      if (pen.stroke) return abandoned(pen);
      return pen.crosshair ? { pen: without(pen, 'crosshair'), effects: [] } : same(pen);
  }
}

/** What the stroke is so far, as a mark would be. */
export function geometryOf({ tool, stroke }: Pen, aspect: number): Geometry | undefined {
  const first = stroke?.points[0];
  const last = stroke?.points.at(-1);
  if (!stroke || !first || !last) return undefined;
  switch (tool) {
    case 'select':
      return undefined;
    case 'point':
      return { kind: 'point', at: last };
    case 'arrow':
    case 'rectangle':
      return { kind: tool, from: first, to: last };
    case 'pen': {
      const points = simplify(stroke.points, aspect);
      return { kind: 'freehand', points: points.length > 1 ? points : [first, last] };
    }
  }
}

const same = (pen: Pen): PenStep => ({ pen, effects: [] });

function begun(pen: Pen, at: Point, by: Stroke['by']): PenStep {
  return { pen: { ...pen, stroke: { points: [at], by } }, effects: [{ do: 'hold' }, { do: 'say' }] };
}

function extended(pen: Pen, at: Point): PenStep {
  const { stroke } = pen;
  const last = stroke?.points.at(-1);
  if (!stroke || (last && last.x === at.x && last.y === at.y)) return same(pen);
  const [first = at] = stroke.points;
  const points = pen.tool === 'pen' ? [...stroke.points, at] : pen.tool === 'point' ? [at] : [first, at];
  const few = points.length > RAW_POINTS ? simplify(points, 1) : points;
  return { pen: { ...pen, stroke: { ...stroke, points: few } }, effects: [{ do: 'say' }] };
}

/** The pen is up, or Enter was pressed: a mark, or on to the second point, or nothing. */
function finished(pen: Pen, aspect: number): PenStep {
  const geometry = geometryOf(pen, aspect);
  const { stroke } = pen;
  if (!geometry || !stroke) return abandoned(pen);
  switch (geometry.kind) {
    case 'arrow':
    case 'rectangle': {
      const { from, to } = geometry;
      const long = geometry.kind === 'arrow' ? distance(from, to, aspect) : Math.min(Math.abs(to.x - from.x), Math.abs(to.y - from.y) / aspect);
      if (long < CLICK) return same({ ...pen, stroke: { points: [from], by: 'anchored' } });
      break;
    }
    case 'freehand': {
      const [first] = stroke.points;
      if (!first || !stroke.points.some((point) => distance(first, point, aspect) >= LINE)) return abandoned(pen);
      break;
    }
    case 'point':
    case 'ellipse':
  }
  return { pen: without(pen, 'stroke'), effects: [{ do: 'commit', geometry }] };
}

function abandoned(pen: Pen): PenStep {
  return { pen: without(pen, 'stroke'), effects: pen.stroke ? [{ do: 'abandon' }] : [] };
}

function rounded(point: Point): Point {
  const { x, y } = clamped(point);
  return { x: Math.round(x * DIGITS) / DIGITS, y: Math.round(y * DIGITS) / DIGITS };
}

function without(pen: Pen, key: 'stroke' | 'crosshair'): Pen {
  const next = { ...pen };
  delete next[key];
  return next;
}
