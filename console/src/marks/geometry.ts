/**
 * Where marks are: points of a mark, where a frame's map takes them, and between pixels of the screen and the picture.
 * Pure. Coordinates are normalised: (0, 0) is the picture's top left corner, (1, 1) its bottom right one.
 */
import type { Geometry, Point } from '../wire/types';

/** Points of a freehand line, at most. */
export const FREEHAND_POINTS = 512;
/** An ellipse is drawn with so many points. */
const ELLIPSE_POINTS = 48;

export interface Size {
  width: number;
  height: number;
}

export interface Box extends Size {
  left: number;
  top: number;
}

/** The points that carry a mark, in the order they are drawn; a rectangle and an ellipse have the four corners. */
export function pointsOf(geometry: Geometry): Point[] {
  switch (geometry.kind) {
    case 'point':
      return [geometry.at];
    case 'arrow':
      return [geometry.from, geometry.to];
    case 'freehand':
      return geometry.points;
    case 'rectangle':
    case 'ellipse': {
      const { from, to } = geometry;
      return [from, { x: to.x, y: from.y }, to, { x: from.x, y: to.y }];
    }
  }
}

/** The points that are joined when it is drawn. */
export function outlineOf(geometry: Geometry): Point[] {
  if (geometry.kind !== 'ellipse') return pointsOf(geometry);
  const { from, to } = geometry;
  return Array.from({ length: ELLIPSE_POINTS }, (_, index) => {
    const turn = (index / ELLIPSE_POINTS) * 2 * Math.PI;
    return {
      x: (from.x + to.x) / 2 + (Math.cos(turn) * (to.x - from.x)) / 2,
      y: (from.y + to.y) / 2 + (Math.sin(turn) * (to.y - from.y)) / 2,
    };
  });
}

/** Where a homography, row by row, takes a point; `undefined` when that is behind the camera. */
export function apply(map: readonly number[], { x, y }: Point): Point | undefined {
  const [a = 1, b = 0, c = 0, d = 0, e = 1, f = 0, g = 0, h = 0, i = 1] = map;
  const w = g * x + h * y + i;
  return w > 1e-6 ? { x: (a * x + b * y + c) / w, y: (d * x + e * y + f) / w } : undefined;
}

/** All points, or nothing when one of them is behind the camera. */
export function applyAll(map: readonly number[], points: readonly Point[]): Point[] | undefined {
  const moved = points.map((point) => apply(map, point));
  return moved.every((point) => point !== undefined) ? moved : undefined;
}

/** Where a picture lies in `room` when it is shown whole in its middle, as `object-fit: contain` does. */
export function contain(room: Size, picture: Size): Box {
  const scale = Math.min(room.width / picture.width, room.height / picture.height);
  if (!Number.isFinite(scale) || scale <= 0) return { left: 0, top: 0, width: 0, height: 0 };
  const [width, height] = [picture.width * scale, picture.height * scale];
  return { left: (room.width - width) / 2, top: (room.height - height) / 2, width, height };
}

/** The picture's point under a pixel, also outside of it. `undefined` while the box is empty. */
export function pointIn(box: Box, left: number, top: number): Point | undefined {
  if (box.width <= 0 || box.height <= 0) return undefined;
  return { x: (left - box.left) / box.width, y: (top - box.top) / box.height };
}

export const inside = ({ x, y }: Point): boolean => x >= 0 && x <= 1 && y >= 0 && y <= 1;

/** The nearest point of the picture. */
export const clamped = ({ x, y }: Point): Point => ({ x: Math.min(Math.max(x, 0), 1), y: Math.min(Math.max(y, 0), 1) });

/** The distance in widths of the picture; `aspect` is width over height. */
export const distance = (a: Point, b: Point, aspect: number): number => Math.hypot(a.x - b.x, (a.y - b.y) / aspect);

/**
 * The line with at most `limit` points that stays nearest to `points`: what lies within `tolerance` widths of a straight
 * piece is left out (Douglas and Peucker), and the tolerance grows until few enough are left.
 */
export function simplify(points: readonly Point[], aspect: number, tolerance = 0.0008, limit = FREEHAND_POINTS): Point[] {
  let kept = reduce(points, aspect, tolerance);
  for (let wider = tolerance * 2; kept.length > limit; wider *= 2) kept = reduce(points, aspect, wider);
  return kept;
}

function reduce(points: readonly Point[], aspect: number, tolerance: number): Point[] {
  const last = points.length - 1;
  const keep = new Set([0, last]);
  const open: [number, number][] = [[0, last]];
  for (let piece = open.pop(); piece; piece = open.pop()) {
    const [from, to] = piece;
    let farthest = -1;
    let most = tolerance;
    for (let at = from + 1; at < to; at += 1) {
      const away = fromLine(points[at], points[from], points[to], aspect);
      if (away > most) [farthest, most] = [at, away];
    }
    if (farthest < 0) continue;
    keep.add(farthest);
    open.push([from, farthest], [farthest, to]);
  }
  return points.filter((_, index) => keep.has(index));
}

/** How far `point` is from the piece between `a` and `b`, in widths. */
function fromLine(point: Point | undefined, a: Point | undefined, b: Point | undefined, aspect: number): number {
  if (!point || !a || !b) return 0;
  const [dx, dy] = [b.x - a.x, (b.y - a.y) / aspect];
  const length = dx * dx + dy * dy;
  const along = length === 0 ? 0 : ((point.x - a.x) * dx + ((point.y - a.y) / aspect) * dy) / length;
  const part = Math.min(Math.max(along, 0), 1);
  return distance(point, { x: a.x + part * (b.x - a.x), y: a.y + part * (b.y - a.y) }, aspect);
}
