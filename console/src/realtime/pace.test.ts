import { describe, expect, test } from 'vitest';
import type { ReceiverReport } from '../wire/types';
import { CameraClock } from './clock';
import { MAX_BPS, MIN_BPS, Rate, START_BPS } from './rate';
import { decodePresence, decodeReport, decodeState, encodeRecord } from './records';
import { ViewCounters } from './view-counters';

const report = (queue_delay_ms: number, received_bps = 1_000_000): ReceiverReport => ({
  v: 1,
  at_us: 1,
  received_bps,
  frames_shown: 1,
  queue_delay_ms,
  participant: 'par_1',
});

describe('the rate', () => {
  /** A queue halves it quickly, but not below what keeps a picture alive. */
  test('falls below what arrives when a queue builds, and no lower than its floor', () => {
    const rate = new Rate();
    expect(rate.report('a', report(600, 700_000), 0)).toBe(595_000);
    for (let at = 1_000; at < 60_000; at += 500) rate.report('a', report(900, 50_000), at);
    expect(rate.target_bps).toBe(MIN_BPS);
    expect(rate.framerate(30)).toBe(15);
  });

  /** What was queued must drain before the next step down. */
  test('waits after a step down', () => {
    const rate = new Rate();
    rate.report('a', report(600), 0);
    const after = rate.target_bps;
    rate.report('a', report(600), 500);
    expect(rate.target_bps).toBe(after);
  });

  /** A free link lets it grow, slowly, up to its ceiling; in between it keeps still. */
  test('grows on a free link and rests in between', () => {
    const rate = new Rate();
    expect(rate.report('a', report(150), 0)).toBe(START_BPS);
    for (let at = 0; at < 60_000; at += 500) rate.report('a', report(5), at);
    expect(rate.target_bps).toBe(MAX_BPS);
  });

  /** The slowest of two viewers decides, until it is gone. */
  test('follows the slowest viewer', () => {
    const rate = new Rate();
    rate.report('slow', report(800, 300_000), 0);
    expect(rate.target_bps).toBe(255_000);
    rate.report('fast', report(5), 1_100);
    expect(rate.target_bps).toBeLessThan(255_000);
    const low = rate.target_bps;
    rate.report('fast', report(5), 8_000);
    expect(rate.target_bps).toBeGreaterThan(low);
  });
});

describe('the capture clock', () => {
  /** Jitter of the arrival does not move the stamps: they stay as even as the camera's. */
  test('keeps the even steps of the camera', () => {
    const clock = new CameraClock();
    const jitter = [4_000, 0, 9_000, 2_000, 15_000, 1_000, 7_000];
    const stamps = jitter.map((late, i) => clock.capture(i * 33_333, 5_000_000 + i * 33_333 + late));
    const steps = stamps.slice(2).map((stamp, i) => stamp - (stamps[i + 1] ?? 0));
    for (const step of steps) expect(Math.abs(step - 33_333)).toBeLessThan(100);
  });

  /** Another camera has another clock; time still only grows. */
  test('grows across a swap of cameras', () => {
    const clock = new CameraClock();
    const first = clock.capture(900_000_000, 1_000_000);
    const second = clock.capture(5_000, 1_033_000);
    expect(second).toBeGreaterThan(first);
    expect(second).toBe(1_033_000);
  });
});

describe('a record', () => {
  /** What one page writes the other reads. */
  test('comes back as it went', () => {
    const presence = { v: 1, camera: 'paused', clock_us: 12, unix_us: 34 } as const;
    expect(decodePresence(encodeRecord(presence))).toEqual(presence);
    expect(decodeReport(encodeRecord(report(7)))).toEqual(report(7));
  });

  /** A record that is none, too long, or of another version is passed over. */
  test('that is none is refused', () => {
    const bytes = (text: string) => new TextEncoder().encode(text);
    for (const text of ['', '{', 'null', '[]', '{"v":2,"camera":"on","clock_us":1,"unix_us":1}', '1e999']) {
      expect(decodePresence(bytes(text))).toBeUndefined();
      expect(decodeReport(bytes(text))).toBeUndefined();
      expect(decodeState(bytes(text))).toBeUndefined();
    }
    expect(decodePresence(bytes('{"v":1,"camera":"spying","clock_us":1,"unix_us":1}'))).toBeUndefined();
    expect(decodeReport(bytes('{"v":1,"at_us":1,"received_bps":-1,"frames_shown":1,"queue_delay_ms":1}'))).toBeUndefined();
    expect(decodePresence(encodeRecord({ v: 1, camera: 'on', clock_us: 1, unix_us: 1 }))).toBeDefined();
    expect(decodePresence(new Uint8Array(2000).fill(0x20))).toBeUndefined();
  });
});

describe('what a view counts', () => {
  /** A queue is what a frame took longer than the quickest one, whatever the two clocks say. */
  test('knows a queue without knowing the clocks', () => {
    const counters = new ViewCounters();
    for (const [i, late] of [10, 12, 10, 210, 410].entries()) counters.arrived(1000, i * 33_000, 777_000 + i * 33 + late);
    expect(counters.takeQueueDelay()).toBeGreaterThan(115);
    expect(counters.takeQueueDelay()).toBe(0);
    expect(counters.receivedBps(777_600)).toBe(40_000);
  });

  /** Percentiles are of the newest 1024 pictures. */
  test('gives percentiles of the newest', () => {
    const counters = new ViewCounters();
    expect(counters.captureToShown()).toBeUndefined();
    for (let i = 0; i < 2000; i += 1) counters.painted(i < 976 ? 9999 : i - 976);
    expect(counters.captureToShown()).toEqual({ p50: 512, p95: 972, count: 1024 });
  });
});
