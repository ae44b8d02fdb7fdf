/**
 * How many bits the camera may use, from what the viewers report. A viewer's queueing delay is the first sign of a full
 * link: back off below what arrives, wait, then grow slowly. Pure; time is an argument.
 */
import type { ReceiverReport } from '../wire/types';

export const MIN_BPS = 150_000;
export const MAX_BPS = 2_500_000;
/** Good enough for a first picture on most phone networks. */
export const START_BPS = 1_200_000;

/** More delay than this is a queue, ms. */
const QUEUE_MS = 250;
/** Less delay than this is a free link, ms. */
const FREE_MS = 80;
/** After a step down nothing changes for so long: what was queued must drain first, ms. */
const HOLD_MS = 1_000;
/** A viewer who said nothing for so long is gone, ms. */
const FORGET_MS = 3_000;
/** Below this, half the frames are worth more than all of them blurred, bit/s. */
const HALF_RATE_BPS = 400_000;

export class Rate {
  target_bps = START_BPS;
  private held_until = 0;
  private readonly viewers = new Map<string, { report: ReceiverReport; at: number }>();

  /** Takes a report of `viewer` that came at `now` ms and gives the new target, bit/s. The slowest viewer decides. */
  report(viewer: string, report: ReceiverReport, now: number): number {
    this.viewers.set(viewer, { report, at: now });
    for (const [name, { at }] of this.viewers) if (now - at > FORGET_MS) this.viewers.delete(name);
    const reports = [...this.viewers.values()].map((seen) => seen.report);
    const delay = Math.max(...reports.map((seen) => seen.queue_delay_ms));
    const received = Math.min(...reports.map((seen) => seen.received_bps));
    if (now < this.held_until) return this.target_bps;
    if (delay > QUEUE_MS) {
      const arriving = received > 0 ? received * 0.85 : this.target_bps;
      this.target_bps = clamp(Math.min(this.target_bps * 0.7, arriving));
      this.held_until = now + HOLD_MS;
    } else if (delay < FREE_MS) {
      this.target_bps = clamp(this.target_bps * 1.04 + 8_000);
    }
    return this.target_bps;
  }

  /** Frames a second that are worth sending at this rate, of `source` that there are. */
  framerate(source: number): number {
    return this.target_bps < HALF_RATE_BPS ? Math.min(source, 15) : source;
  }
}

const clamp = (bps: number) => Math.round(Math.min(MAX_BPS, Math.max(MIN_BPS, bps)));
