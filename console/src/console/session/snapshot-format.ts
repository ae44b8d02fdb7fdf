/**
 * The plaintext of a snapshot, read and bounded: `core/protocol/src/snapshot.rs`. A device wrote it, so nothing in it is
 * believed before it was looked at.
 */
import type { Colour, Geometry, Mark, MarkPosition, Point, SnapshotAbout } from '../../wire/types';

/** Bytes of a whole snapshot. */
export const SNAPSHOT_BYTES = 32 * 1024 * 1024;
/** Bytes of what is said. */
const ABOUT_BYTES = 256 * 1024;
const MARKS = 64;
const FREEHAND_POINTS = 512;
/** Pixels of a side: more than any phone takes. */
const SIDE = 32_768;
const COLOURS: readonly Colour[] = ['yellow', 'cyan', 'pink', 'white'];
const STATES: readonly MarkPosition['state'][] = ['tracked', 'approximate', 'lost'];

export interface SnapshotContent {
  about: SnapshotAbout;
  jpeg: Uint8Array<ArrayBuffer>;
}

/** What is said, and the picture; `undefined` for anything that is no snapshot of a version known here. */
export function decodeSnapshot(bytes: Uint8Array<ArrayBuffer>): SnapshotContent | undefined {
  if (bytes.length < 8 || bytes.length > SNAPSHOT_BYTES) return undefined;
  if (new TextDecoder('latin1').decode(bytes.subarray(0, 4)) !== 'HLS1') return undefined;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4);
  if (length > ABOUT_BYTES || 8 + length > bytes.length) return undefined;
  try {
    const about: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, 8 + length)));
    return isAbout(about) ? { about, jpeg: bytes.subarray(8 + length) } : undefined;
  } catch {
    return undefined;
  }
}

type Fields = Record<string, unknown>;
const fields = (value: unknown): Fields | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
const whole = (value: unknown, most: number): boolean =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= most;
const finite = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

function isAbout(value: unknown): value is SnapshotAbout {
  const about = fields(value);
  if (about?.['v'] !== 1) return false;
  const { capture_us, taken_us, width, height, marks = [] } = about;
  const sized = whole(width, SIDE) && whole(height, SIDE) && width !== 0 && height !== 0;
  if (!sized || !whole(capture_us, Number.MAX_SAFE_INTEGER) || !whole(taken_us, Number.MAX_SAFE_INTEGER)) return false;
  return Array.isArray(marks) && marks.length <= MARKS && marks.every(isPlaced);
}

function isPlaced(value: unknown): boolean {
  const placed = fields(value);
  return isMark(placed?.['mark']) && isPosition(placed['position']);
}

function isMark(value: unknown): value is Mark {
  const mark = fields(value);
  const style = fields(mark?.['style']);
  const width = style?.['width'];
  return (
    mark?.['v'] === 1 &&
    typeof mark['id'] === 'string' &&
    isGeometry(mark['geometry']) &&
    COLOURS.some((colour) => colour === style?.['colour']) &&
    finite(width) &&
    width >= 0.001 &&
    width <= 0.05
  );
}

function isGeometry(value: unknown): value is Geometry {
  const geometry = fields(value);
  switch (geometry?.['kind']) {
    case 'point':
      return isPoint(geometry['at']);
    case 'freehand': {
      const { points } = geometry;
      return Array.isArray(points) && points.length >= 2 && points.length <= FREEHAND_POINTS && points.every(isPoint);
    }
    case 'arrow':
    case 'rectangle':
    case 'ellipse':
      return isPoint(geometry['from']) && isPoint(geometry['to']);
    default:
      return false;
  }
}

function isPoint(value: unknown): value is Point {
  const point = fields(value);
  const inside = (one: unknown) => finite(one) && one >= 0 && one <= 1;
  return inside(point?.['x']) && inside(point?.['y']);
}

function isPosition(value: unknown): value is MarkPosition {
  const position = fields(value);
  const map = position?.['map'];
  return STATES.some((state) => state === position?.['state']) && Array.isArray(map) && map.length === 9 && map.every(finite);
}
