/**
 * Marks on a canvas: a colour with a black casing, so that it shows on every picture. Both pages and the worker draw with
 * this, so that a mark looks the same everywhere.
 */
import type { Colour, Geometry, MarkStyle, Point } from '../wire/types';
import { outlineOf } from './geometry';

/** The four colours of the rail. */
export const COLOURS: Record<Colour, string> = { yellow: '#FFD400', cyan: '#00E5FF', pink: '#FF4DA6', white: '#FFFFFF' };

/** Width of a line, as a part of the picture's width. */
export const LINE_WIDTH = 0.006;
/** Of the casing at each side: two pixels of a picture 800 wide. */
const CASING = 0.0025;
/** Height of a pin, and length of an arrow's head, in widths of the picture. */
const PIN = 0.06;
const HEAD = 0.036;
/** The most that an approximate mark covers. */
const PALE = 0.5;

export type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

export interface Shape {
  kind: Geometry['kind'];
  /** Where its outline is on this picture. */
  outline: readonly Point[];
  style: MarkStyle;
  /** About there only: paler. */
  pale?: boolean;
  /** The one that is spoken of: a second ring of white. */
  selected?: boolean;
}

/** What `geometry` looks like where it was drawn. */
export const asDrawn = (geometry: Geometry, style: MarkStyle): Shape => ({
  kind: geometry.kind,
  outline: outlineOf(geometry),
  style,
});

/** Paints over a picture of `width` × `height` pixels whose top left corner is the canvas'. */
export function paintShape(context: Context, width: number, height: number, shape: Shape): void {
  const points = shape.outline.map(({ x, y }) => ({ x: x * width, y: y * height }));
  const line = Math.max(1.5, shape.style.width * width);
  const casing = Math.max(1, CASING * width);
  const colour = COLOURS[shape.style.colour];
  context.save();
  context.globalAlpha = shape.pale ? PALE : 1;
  context.lineCap = context.lineJoin = 'round';
  const { stroke, fill } = paths(shape.kind, points, width, line);
  const trace = (grow: number, paint: string) => {
    context.strokeStyle = context.fillStyle = paint;
    if (stroke) {
      context.lineWidth = line + 2 * grow;
      context.stroke(stroke);
    }
    if (!fill) return;
    if (grow > 0) {
      context.lineWidth = 2 * grow;
      context.stroke(fill);
    }
    context.fill(fill);
  };
  if (shape.selected) {
    trace(casing * 3.5, '#000');
    trace(casing * 2.5, '#fff');
  }
  trace(casing, '#000');
  trace(0, colour);
  const tip = points[0];
  if (shape.kind === 'point' && tip) {
    context.fillStyle = '#000';
    context.beginPath();
    context.arc(tip.x, tip.y - PIN * width * 0.64, PIN * width * 0.13, 0, 2 * Math.PI);
    context.fill();
  }
  context.restore();
}

interface Paths {
  stroke?: Path2D;
  fill?: Path2D;
}

function paths(kind: Geometry['kind'], points: readonly Point[], width: number, line: number): Paths {
  const [first, second] = points;
  if (!first) return {};
  switch (kind) {
    case 'point':
      return { fill: pin(first, PIN * width) };
    case 'arrow':
      return second ? arrow(first, second, Math.max(HEAD * width, line * 3)) : {};
    case 'freehand':
      return { stroke: along(points, false) };
    case 'rectangle':
    case 'ellipse':
      return { stroke: along(points, true) };
  }
}

/** A drop that stands on its tip. */
function pin(tip: Point, height: number): Path2D {
  const path = new Path2D();
  const radius = height * 0.36;
  const middle = tip.y - (height - radius);
  const lean = Math.PI * 0.17;
  path.moveTo(tip.x, tip.y);
  path.arc(tip.x, middle, radius, Math.PI - lean, 2 * Math.PI + lean);
  path.closePath();
  return path;
}

/** A shaft that ends inside its head, and the head. One that is shorter than its head is all head. */
function arrow(from: Point, to: Point, head: number): Paths {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  if (length < 1) return {};
  const reach = Math.min(head, length);
  const [ux, uy] = [(to.x - from.x) / length, (to.y - from.y) / length];
  const neck = { x: to.x - ux * reach, y: to.y - uy * reach };
  const half = reach * 0.5;
  const fill = new Path2D();
  fill.moveTo(to.x, to.y);
  fill.lineTo(neck.x - uy * half, neck.y + ux * half);
  fill.lineTo(neck.x + uy * half, neck.y - ux * half);
  fill.closePath();
  if (length <= reach) return { fill };
  const stroke = new Path2D();
  stroke.moveTo(from.x, from.y);
  stroke.lineTo(neck.x + ux * reach * 0.2, neck.y + uy * reach * 0.2);
  return { stroke, fill };
}

/** Straight from point to point: a line that was thinned is true only there. */
function along(points: readonly Point[], closed: boolean): Path2D {
  const path = new Path2D();
  for (const { x, y } of points) path.lineTo(x, y);
  if (closed) path.closePath();
  return path;
}
