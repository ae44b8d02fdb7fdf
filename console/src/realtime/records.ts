/**
 * The small records of the data broadcasts: `presence` (a device about its camera) and `report` (a viewer about what
 * arrives). JSON, a whole record in each group; whatever comes from the network is checked here and bounded.
 */
import type { CameraPresence, DevicePresence, ReceiverReport, SessionState } from '../wire/types';

export const PRESENCE_TRACK = 'presence';
export const REPORT_TRACK = 'report';
export const STATE_TRACK = 'state';

/** Bytes of a presence or report. */
const RECORD_BYTES = 1024;
/** Bytes of a session's state: sixteen people, two hundred snapshots. */
const STATE_BYTES = 256 * 1024;
const CAMERAS: readonly CameraPresence[] = ['on', 'paused', 'hidden', 'stopped', 'off'];

export function encodeRecord(value: DevicePresence | ReceiverReport): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

export function decodePresence(bytes: Uint8Array): DevicePresence | undefined {
  const value = parse(bytes, RECORD_BYTES);
  const camera = CAMERAS.find((known) => known === value?.['camera']);
  const [clock_us, unix_us] = [time(value?.['clock_us']), time(value?.['unix_us'])];
  if (value?.['v'] !== 1 || !camera || clock_us === undefined || unix_us === undefined) return undefined;
  return { v: 1, camera, clock_us, unix_us };
}

export function decodeReport(bytes: Uint8Array): ReceiverReport | undefined {
  const value = parse(bytes, RECORD_BYTES);
  const at_us = time(value?.['at_us']);
  const received_bps = amount(value?.['received_bps']);
  const frames_shown = amount(value?.['frames_shown']);
  const queue_delay_ms = amount(value?.['queue_delay_ms']);
  const participant = value?.['participant'];
  if (value?.['v'] !== 1 || at_us === undefined || typeof participant !== 'string') return undefined;
  if (received_bps === undefined || frames_shown === undefined || queue_delay_ms === undefined) return undefined;
  return { v: 1, at_us, received_bps, frames_shown, queue_delay_ms, participant };
}

/** The state of the session, as far as a guest's page leans on it. */
export function decodeState(bytes: Uint8Array): SessionState | undefined {
  const value = parse(bytes, STATE_BYTES);
  if (value?.['v'] !== 1 || !Array.isArray(value['participants']) || typeof value['phase'] !== 'string') return undefined;
  return value as unknown as SessionState;
}

/** A JSON object of at most `limit` bytes. */
export function parse(bytes: Uint8Array, limit: number): Record<string, unknown> | undefined {
  if (bytes.length > limit) return undefined;
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** A time in whole µs that JSON carries exactly. */
export const time = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;

/** A number of something, not negative. */
export const amount = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
