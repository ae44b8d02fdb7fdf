/**
 * Marks and their places as they come from the network or out of a photo: each value is checked, and what is not understood
 * is `undefined`. The contract is `core/protocol/src/mark.rs`.
 */
import { amount, time } from '../realtime/records';
import type { Colour, Geometry, LostReason, Mark, MarkPosition, MarkStyle, Point } from '../wire/types';
import { FREEHAND_POINTS } from './geometry';

/** Marks of one session that are shown at the same time. */
export const MARKS = 64;
/** Far outside of every picture that still has a place on it: a camera that looks along a table. */
const MAP_LIMIT = 1e6;

const COLOURS: readonly Colour[] = ['yellow', 'cyan', 'pink', 'white'];
const STATES: readonly MarkPosition['state'][] = ['tracked', 'approximate', 'lost'];
const REASONS: readonly LostReason[] = ['out_of_view', 'occluded', 'blurred', 'too_little_texture', 'stale'];

/** A committed mark. Its patch stays behind: it is proof, not for the screen. */
export function mark(value: unknown): Mark | undefined {
  const fields = record(value);
  const [name, author, camera] = [id(fields?.['id'], 'mrk'), id(fields?.['author'], 'par'), id(fields?.['camera'], 'par')];
  const [shape, look] = [geometry(fields?.['geometry']), style(fields?.['style'])];
  const capture_us = time(fields?.['capture_us']);
  if (fields?.['v'] !== 1 || !name || !author || !camera || !shape || !look || capture_us === undefined) return undefined;
  return { v: 1, id: name, author, camera, capture_us, geometry: shape, style: look };
}

/** Where a mark is on one picture. */
export function position(value: unknown): MarkPosition | undefined {
  const fields = record(value);
  const name = id(fields?.['id'], 'mrk');
  const state = STATES.find((known) => known === fields?.['state']);
  const error_px = amount(fields?.['error_px']);
  const map = list(fields?.['map'], 9, mapped);
  if (!name || !state || error_px === undefined || map?.length !== 9) return undefined;
  const reason = REASONS.find((known) => known === fields?.['reason']);
  const ghost = record(fields?.['ghost']);
  const at = point(ghost?.['at']);
  const direction = finite(ghost?.['direction']);
  return {
    id: name,
    state,
    error_px,
    map,
    ...(reason && { reason }),
    ...(at && { ghost: { at, ...(direction !== undefined && { direction }) } }),
  };
}

export function geometry(value: unknown): Geometry | undefined {
  const fields = record(value);
  const kind = fields?.['kind'];
  switch (kind) {
    case 'point': {
      const at = point(fields?.['at']);
      return at && { kind, at };
    }
    case 'arrow':
    case 'rectangle':
    case 'ellipse': {
      const [from, to] = [point(fields?.['from']), point(fields?.['to'])];
      return from && to && { kind, from, to };
    }
    case 'freehand': {
      const given = fields?.['points'];
      const points = list(given, FREEHAND_POINTS, point);
      // A line with a hole in it is another line.
      return points && points.length >= 2 && points.length === (given as unknown[]).length ? { kind, points } : undefined;
    }
    default:
      return undefined;
  }
}

export function style(value: unknown): MarkStyle | undefined {
  const fields = record(value);
  const colour = COLOURS.find((known) => known === fields?.['colour']);
  const width = finite(fields?.['width']);
  // The sender's 32-bit number may be a hair outside.
  return colour && width !== undefined && width >= 0.000999 && width <= 0.050001 ? { colour, width } : undefined;
}

function point(value: unknown): Point | undefined {
  const fields = record(value);
  const [x, y] = [finite(fields?.['x']), finite(fields?.['y'])];
  return x !== undefined && y !== undefined && x >= 0 && x <= 1 && y >= 0 && y <= 1 ? { x, y } : undefined;
}

/** The items of an array of at most `limit` that `one` understands; `undefined` for anything else. */
export function list<T>(value: unknown, limit: number, one: (item: unknown) => T | undefined): T[] | undefined {
  if (!Array.isArray(value) || value.length > limit) return undefined;
  return value.map(one).filter((item) => item !== undefined);
}

/** The fields of an object. */
export const record = (value: unknown): Record<string, unknown> | undefined =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;

export const id = (value: unknown, prefix: 'mrk' | 'par'): string | undefined =>
  typeof value === 'string' && value.startsWith(`${prefix}_`) && /^[a-z]{3}_[0-9a-hjkmnp-tv-z]{26}$/.test(value) ? value : undefined;

const finite = (value: unknown): number | undefined => (typeof value === 'number' && Number.isFinite(value) ? value : undefined);

const mapped = (value: unknown): number | undefined => {
  const number = finite(value);
  return number !== undefined && Math.abs(number) <= MAP_LIMIT ? number : undefined;
};
