/**
 * Which marks are to be painted over one picture of a camera, and where. Pure: positions in, shapes out. Nobody predicts: a
 * mark without a position for the picture is painted only on the very picture it was drawn on.
 */
import { applyAll, outlineOf, pointsOf } from '../marks/geometry';
import type { Shape } from '../marks/paint';
import { samePicture } from '../marks/picture';
import type { Mark, MarkId, MarkPosition, NewMark } from '../wire/types';
import type { Placed } from './mark-join';
import type { PaintedMark } from './viewer-messages';

/** Points of a line that are told of what was painted. */
const TOLD_POINTS = 32;

/** On its own picture a mark is where it was drawn. */
const AS_DRAWN: Omit<MarkPosition, 'id'> = { state: 'tracked', error_px: 0, map: [1, 0, 0, 0, 1, 0, 0, 0, 1] };

export interface Layer {
  shapes: Shape[];
  /** Of every mark that has a place on this picture or is lost there, in the order they were drawn. */
  told: PaintedMark[];
}

export class MarkLayer {
  private committed: readonly Mark[] = [];
  private pending: readonly NewMark[] = [];
  private selected: MarkId | undefined;

  /** Every committed mark of this camera. */
  commit(marks: readonly Mark[]): void {
    this.committed = marks;
  }

  /** What this page sent and does not see among the committed ones yet, and the mark that is spoken of. */
  own(pending: readonly NewMark[], selected: MarkId | undefined): void {
    this.pending = pending;
    this.selected = selected;
  }

  /** What is on the picture of `capture_us`. */
  on(capture_us: number, { positions, exact }: Placed): Layer {
    const known = new Set(this.committed.map(({ id }) => id));
    const layer: Layer = { shapes: [], told: [] };
    for (const mark of [...this.committed, ...this.pending.filter(({ id }) => !known.has(id))]) {
      const { id, geometry, style } = mark;
      const drawnHere = samePicture(mark.capture_us, capture_us);
      const position = drawnHere ? { ...AS_DRAWN, id } : positions.get(id);
      if (!position) continue;
      const { error_px, map, reason, ghost } = position;
      // The place of a frame before says about where it is on this one, and no more.
      const state = position.state === 'tracked' && !exact && !drawnHere ? 'approximate' : position.state;
      const outline = state === 'lost' ? undefined : applyAll(map, outlineOf(geometry));
      const points = outline && applyAll(map, some(pointsOf(geometry)));
      layer.told.push({
        id,
        state,
        error_px,
        points: points?.map(({ x, y }) => [x, y] as const) ?? [],
        ...(reason && { reason }),
        ...(ghost && { ghost }),
      });
      if (!outline) continue;
      layer.shapes.push({
        kind: geometry.kind,
        outline,
        style,
        ...(state === 'approximate' && { pale: true }),
        ...(id === this.selected && { selected: true }),
      });
    }
    return layer;
  }
}

/** At most [`TOLD_POINTS`] of them, evenly chosen, first and last among them. */
function some<T>(points: readonly T[]): T[] {
  if (points.length <= TOLD_POINTS) return [...points];
  const step = (points.length - 1) / (TOLD_POINTS - 1);
  return points.filter((_, index) => Math.round(Math.round(index / step) * step) === index);
}
