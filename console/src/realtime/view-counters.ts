/** What one camera's view counts, and the figures made of it. Pure; times are arguments. */
import type { ShowDrop, ViewStats } from './viewer-messages';

/** Delays kept for the percentiles. */
const DELAYS = 1024;
/** Over what the receive rate is taken, ms. */
const RATE_WINDOW_MS = 1_000;
/** Capture times that are remembered: more than a group has at any frame rate. */
const REMEMBERED = 512;
/** How fast a best delay that became too small is let go: 1000 ppm covers every clock. */
const DRIFT = 0.001;

export class ViewCounters {
  received = 0;
  shown = 0;
  readonly dropped: Record<ShowDrop, number> = {
    superseded: 0,
    awaiting_key: 0,
    undecodable: 0,
    busy: 0,
    frozen: 0,
    malformed: 0,
  };
  private arrivals: { at: number; bytes: number }[] = [];
  private best_ms: number | undefined;
  private last_ms = 0;
  private readonly queue: number[] = [];
  private readonly delays: number[] = [];
  private nextDelay = 0;
  private readonly known = new Set<number>();

  /**
   * A frame of `bytes`, captured at `capture_us`, came at `now` ms. `false` when it came before: after a lost connection the
   * relay gives the newest group again from its beginning, and a frame is received once.
   */
  arrived(bytes: number, capture_us: number, now: number): boolean {
    if (this.known.has(capture_us)) return false;
    this.known.add(capture_us);
    const [oldest] = this.known;
    if (oldest !== undefined && this.known.size > REMEMBERED) this.known.delete(oldest);
    this.received += 1;
    this.arrivals.push({ at: now, bytes });
    const way = now - capture_us / 1000;
    this.best_ms = Math.min(way, this.best_ms === undefined ? way : this.best_ms + (now - this.last_ms) * DRIFT);
    this.last_ms = now;
    this.queue.push(way - this.best_ms);
    return true;
  }

  /** A camera that starts anew has another clock. */
  newClock(): void {
    this.best_ms = undefined;
    this.queue.length = 0;
  }

  drop(reason: ShowDrop): void {
    this.dropped[reason] += 1;
  }

  /** A picture is on the screen; `delay_ms` since its capture where that is known. */
  painted(delay_ms: number | undefined): void {
    this.shown += 1;
    if (delay_ms === undefined) return;
    this.delays[this.nextDelay] = delay_ms;
    this.nextDelay = (this.nextDelay + 1) % DELAYS;
  }

  receivedBps(now: number): number {
    this.arrivals = this.arrivals.filter(({ at }) => now - at <= RATE_WINDOW_MS);
    return Math.round((this.arrivals.reduce((sum, { bytes }) => sum + bytes, 0) * 8 * 1000) / RATE_WINDOW_MS);
  }

  /** The mean queueing delay since the last call, ms; 0 when nothing came. */
  takeQueueDelay(): number {
    const { length } = this.queue;
    const sum = this.queue.reduce((all, delay) => all + delay, 0);
    this.queue.length = 0;
    return length === 0 ? 0 : Math.round(sum / length);
  }

  captureToShown(): ViewStats['capture_to_shown_ms'] {
    if (this.delays.length === 0) return undefined;
    const sorted = [...this.delays].sort((a, b) => a - b);
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    return { p50: round(at(0.5)), p95: round(at(0.95)), count: sorted.length };
  }
}

const round = (ms: number) => Math.round(ms * 10) / 10;
