/**
 * The `hang` shape, so that any MoQ player can watch: a `catalog.json` track with a map of renditions, and frames in the
 * `legacy` container (a QUIC varint of µs, RFC 9000 section 16, and the codec's bytes). Checked by hand: the schema library that
 * hang itself uses would be a third of the patient's page.
 */

export const CATALOG_TRACK = 'catalog.json';
export const VIDEO_TRACK = 'video';
/** Delivery priorities of hang: a catalog before the picture. Ours for small records is between them. */
export const PRIORITY = { catalog: 100, data: 90, video: 60 } as const;

export interface Rendition {
  /** WebCodecs codec string. */
  codec: string;
  codedWidth: number;
  codedHeight: number;
  framerate?: number;
  bitrate?: number;
}

/** A catalog is a few hundred bytes; more is refused. */
const CATALOG_BYTES = 16 * 1024;
/** Renditions of one catalog that are looked at. */
const RENDITIONS = 16;
const SIDE_LIMIT = 16_384;
/** One coded picture: more than a 4K key frame at any quality. */
export const FRAME_BYTES = 8 * 1024 * 1024;
/** The largest capture time that JSON carries exactly, µs: 285 years. */
const TIME_LIMIT = Number.MAX_SAFE_INTEGER;

/** The catalog of a camera: one rendition, named by its track. */
export function encodeCatalog(rendition: Rendition): Uint8Array {
  return new TextEncoder().encode(
    JSON.stringify({
      video: {
        renditions: {
          [VIDEO_TRACK]: { ...rendition, container: { kind: 'legacy' }, optimizeForLatency: true },
        },
      },
    }),
  );
}

export interface Catalog {
  track: string;
  rendition: Rendition;
}

/** The first rendition that we can show (H.264, `legacy`, in the same broadcast); `undefined` for anything else. */
export function decodeCatalog(bytes: Uint8Array): Catalog | undefined {
  if (bytes.length > CATALOG_BYTES) return undefined;
  let root: unknown;
  try {
    root = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
  const renditions = record(record(record(root)?.['video'])?.['renditions']);
  for (const [track, value] of Object.entries(renditions ?? {}).slice(0, RENDITIONS)) {
    const rendition = decodeRendition(value);
    if (rendition && track.length > 0 && track.length <= 64) return { track, rendition };
  }
  return undefined;
}

function decodeRendition(value: unknown): Rendition | undefined {
  const config = record(value);
  const codec = config?.['codec'];
  const container = config?.['container'];
  if (!config || typeof codec !== 'string' || !/^avc[13]\.[0-9a-fA-F]{6}$/.test(codec)) return undefined;
  // hang's default container is the legacy one.
  if (container !== undefined && record(container)?.['kind'] !== 'legacy') return undefined;
  if (config['broadcast'] !== undefined || config['description'] !== undefined) return undefined;
  const codedWidth = side(config['codedWidth']);
  const codedHeight = side(config['codedHeight']);
  if (codedWidth === undefined || codedHeight === undefined) return undefined;
  const framerate = config['framerate'];
  const bitrate = config['bitrate'];
  return {
    codec,
    codedWidth,
    codedHeight,
    ...(typeof framerate === 'number' && framerate > 0 && framerate <= 240 && { framerate }),
    ...(typeof bitrate === 'number' && bitrate > 0 && Number.isSafeInteger(bitrate) && { bitrate }),
  };
}

const record = (value: unknown): Record<string, unknown> | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;

const side = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= SIDE_LIMIT ? value : undefined;

/** Puts a capture time, µs, before a coded picture. `copy` writes the picture's `length` bytes where it is told. */
export function encodeFrame(capture_us: number, length: number, copy: (into: Uint8Array) => void): Uint8Array {
  const time = varint(capture_us);
  const frame = new Uint8Array(time.length + length);
  frame.set(time);
  copy(frame.subarray(time.length));
  return frame;
}

export interface Frame {
  capture_us: number;
  /** Shares the bytes of what was decoded. */
  payload: Uint8Array;
}

/** The capture time and the picture; `undefined` for an empty, oversized or broken frame. */
export function decodeFrame(bytes: Uint8Array): Frame | undefined {
  const first = bytes[0];
  if (first === undefined || bytes.length > FRAME_BYTES) return undefined;
  const size = 1 << (first >> 6);
  if (bytes.length <= size) return undefined;
  let capture_us = first & 0x3f;
  for (let i = 1; i < size; i += 1) capture_us = capture_us * 256 + (bytes[i] ?? 0);
  if (capture_us > TIME_LIMIT) return undefined;
  return { capture_us, payload: bytes.subarray(size) };
}

/** A QUIC varint. `value` is clamped to what it can say: 0 to 2^53 - 1, whole. */
function varint(value: number): Uint8Array {
  const whole = Math.min(Math.max(Math.round(value), 0), TIME_LIMIT);
  const size = whole < 2 ** 6 ? 1 : whole < 2 ** 14 ? 2 : whole < 2 ** 30 ? 4 : 8;
  const bytes = new Uint8Array(size);
  let rest = whole;
  for (let i = size - 1; i >= 0; i -= 1) {
    bytes[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  bytes[0] = (bytes[0] ?? 0) | (Math.log2(size) << 6);
  return bytes;
}
