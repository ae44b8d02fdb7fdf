/**
 * The plaintext of a snapshot, read and bounded: `core/protocol/src/snapshot.rs`. A device wrote it, so nothing in it is
 * believed before it was looked at; one mark that is not understood is left out, the picture and the others stay.
 */
import { MARKS, list, mark, position, record } from '../../marks/decode';
import { parse, time } from '../../realtime/records';
import type { SnapshotAbout } from '../../wire/types';

/** Bytes of a whole snapshot. */
export const SNAPSHOT_BYTES = 32 * 1024 * 1024;
/** Bytes of what is said. */
const ABOUT_BYTES = 256 * 1024;
/** Pixels of a side: more than any phone takes. */
const SIDE = 32_768;

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
  const about = aboutOf(parse(bytes.subarray(8, 8 + length), ABOUT_BYTES));
  return about && { about, jpeg: bytes.subarray(8 + length) };
}

type Placed = NonNullable<SnapshotAbout['marks']>[number];

function aboutOf(fields: Record<string, unknown> | undefined): SnapshotAbout | undefined {
  const [capture_us, taken_us] = [time(fields?.['capture_us']), time(fields?.['taken_us'])];
  const [width, height] = [side(fields?.['width']), side(fields?.['height'])];
  if (fields?.['v'] !== 1 || capture_us === undefined || taken_us === undefined || !width || !height) return undefined;
  const said = { v: 1, capture_us, taken_us, width, height } as const;
  if (fields['marks'] === undefined) return said;
  const marks = list(fields['marks'], MARKS, placed);
  return marks && { ...said, marks };
}

function placed(value: unknown): Placed | undefined {
  const fields = record(value);
  const [one, at] = [mark(fields?.['mark']), position(fields?.['position'])];
  return one && at && { mark: one, position: at };
}

const side = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= SIDE ? value : undefined;
