/**
 * The capture clock: µs of `performance.now()`, the same for video, presence and (later) pose and marks.
 *
 * Cameras stamp frames with clocks of their own. The camera's stamps are kept, because they are even, and moved by the
 * smallest delay seen between stamp and arrival: so a frame's time is when it was captured, plus at most the camera's
 * own shortest delay.
 */

/** Now on the capture clock, µs. */
export function captureNow(): number {
  return Math.round(performance.now() * 1000);
}

/** The same moment by the wall clock, µs since the Unix epoch. */
export function unixNow(): number {
  const fine = performance.timeOrigin + performance.now();
  const coarse = Date.now();
  // After a sleep, or when the wall clock was set, the fine one is wrong.
  return Math.round((Math.abs(fine - coarse) > 50 ? coarse : fine) * 1000);
}

/** A camera clock that jumps by more than this was another camera's, µs. */
const JUMP_US = 1_000_000;
/** How fast an estimate that became too small is let go: 0.1 % of the time that passes covers a drift of 1000 ppm. */
const DRIFT = 0.001;

export class CameraClock {
  private offset_us: number | undefined;
  private last_us = -1;
  private lastArrival_us = 0;

  /** The capture time of a frame that the camera stamped `stamp_us` and that arrived at `arrival_us`. Strictly grows. */
  capture(stamp_us: number, arrival_us: number): number {
    const delay = arrival_us - stamp_us;
    const drift = (arrival_us - this.lastArrival_us) * DRIFT;
    if (this.offset_us === undefined || Math.abs(delay - this.offset_us) > JUMP_US) this.offset_us = delay;
    else this.offset_us = Math.min(delay, this.offset_us + drift);
    this.lastArrival_us = arrival_us;
    this.last_us = Math.max(Math.round(stamp_us + this.offset_us), this.last_us + 1);
    return this.last_us;
  }
}
