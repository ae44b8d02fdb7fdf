/**
 * The records of the `marks` tracks: what is committed (the server), where it is on each frame (a camera's device), and
 * what is being drawn (whoever draws). JSON, a whole record in each group. Everything is checked: sizes before parsing,
 * then each value (`marks/decode.ts`); one mark that is not understood is left out, the others stay.
 */
import { MARKS, geometry, id, list, mark, position, record, style } from '../marks/decode';
import type { Drawing, MarkFrame, MarkSet } from '../wire/types';
import { parse, time } from './records';

export const MARKS_TRACK = 'marks';

/** Bytes of each record. */
const SET_BYTES = 1024 * 1024;
const DRAWING_BYTES = 32 * 1024;
const FRAME_BYTES = 32 * 1024;

export function encodeDrawing(drawing: Drawing): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(drawing));
}

/** Every committed mark. */
export function decodeMarkSet(bytes: Uint8Array): MarkSet | undefined {
  const value = parse(bytes, SET_BYTES);
  const revision = time(value?.['revision']);
  if (value?.['v'] !== 1 || revision === undefined) return undefined;
  const marks = list(value['marks'], MARKS, mark);
  return marks && { v: 1, revision, marks };
}

export function decodeMarkFrame(bytes: Uint8Array): MarkFrame | undefined {
  const value = parse(bytes, FRAME_BYTES);
  const capture_us = time(value?.['capture_us']);
  if (value?.['v'] !== 1 || capture_us === undefined) return undefined;
  const marks = list(value['marks'], MARKS, position);
  return marks && { v: 1, capture_us, marks };
}

export function decodeDrawing(bytes: Uint8Array): Drawing | undefined {
  const value = parse(bytes, DRAWING_BYTES);
  const capture_us = time(value?.['capture_us']);
  const camera = id(value?.['camera'], 'par');
  if (value?.['v'] !== 1 || capture_us === undefined || !camera) return undefined;
  if (value['stroke'] === undefined) return { v: 1, camera, capture_us };
  const stroke = record(value['stroke']);
  const [name, shape, look] = [id(stroke?.['id'], 'mrk'), geometry(stroke?.['geometry']), style(stroke?.['style'])];
  if (!name || !shape || !look) return undefined;
  return { v: 1, camera, capture_us, stroke: { id: name, geometry: shape, style: look } };
}
