/**
 * Joins the pictures of one camera with the records that say where its marks are on them. Pure; times are arguments.
 *
 * A record travels beside the video and may come after its picture. While marks are tracked, a picture without its record
 * is held back, but for no longer than one frame interval: it is better to show it a moment later than with a mark in the
 * wrong place. Of the pictures that may be shown the newest is taken. One that waited in vain is shown with the newest record
 * that is not newer than itself, and painted again when its own comes.
 *
 * ```text
 *  picture ──push──▶ waiting ──take──▶ on the screen, with [`MarkJoin.placed`]
 *  record ───────────── record ──▶ the last 128, by capture time
 * ```
 */
import type { MarkFrame, MarkPosition } from '../wire/types';

/** Records kept: more than four seconds of pictures. */
const RECORDS = 128;
/** A picture is held back for one frame interval, within these, ms. */
const HOLD_MS = { least: 10, most: 50, first: 34 };
/** Pictures that may wait; one more, and the oldest goes. */
const WAITING = 3;
/** A record that is older than its picture by more than this says nothing about it any more, µs. */
const NEAR_US = 100_000;
/** Marks are tracked while the newest record is within this of the picture, µs. */
const FLOWING_US = 500_000;

export interface Placed {
  positions: ReadonlyMap<string, MarkPosition>;
  /** Whether these are the positions on that very picture. */
  exact: boolean;
}

interface Waiting<P> {
  picture: P;
  capture_us: number;
  since_ms: number;
}

const NOWHERE: Placed = { positions: new Map(), exact: false };

export class MarkJoin<P> {
  private readonly records = new Map<number, ReadonlyMap<string, MarkPosition>>();
  private newest_us = -1;
  private line: Waiting<P>[] = [];
  private kept: { capture_us: number; placed: Placed } | undefined;
  private last_us: number | undefined;
  private hold_ms = HOLD_MS.first;

  /** Takes the record of one frame. */
  record({ capture_us, marks }: MarkFrame): void {
    const positions = new Map(marks.map((one) => [one.id, one]));
    this.records.set(capture_us, positions);
    if (this.kept?.capture_us === capture_us) this.kept.placed = { positions, exact: true };
    this.newest_us = Math.max(this.newest_us, capture_us);
    if (this.records.size <= RECORDS) return;
    const oldest = this.records.keys().next();
    if (!oldest.done) this.records.delete(oldest.value);
  }

  /** Takes a picture that was decoded at `now_ms`; gives those that will not be shown because of it. */
  push(picture: P, capture_us: number, now_ms: number): P[] {
    if (this.last_us !== undefined && capture_us > this.last_us) {
      this.hold_ms = Math.min(Math.max((capture_us - this.last_us) / 1000, HOLD_MS.least), HOLD_MS.most);
    }
    this.last_us = capture_us;
    this.line.push({ picture, capture_us, since_ms: now_ms });
    return this.line.splice(0, this.line.length - WAITING).map((one) => one.picture);
  }

  /** The newest picture that may be shown at `now_ms`, and the older ones that are thereby superseded. */
  take(now_ms: number): { picture: P; superseded: P[] } | undefined {
    const at = this.line.findLastIndex(
      ({ capture_us, since_ms }) => !this.due(capture_us) || now_ms - since_ms >= this.hold_ms,
    );
    const taken = this.line[at];
    if (!taken) return undefined;
    const superseded = this.line.slice(0, at).map((one) => one.picture);
    this.line = this.line.slice(at + 1);
    return { picture: taken.picture, superseded };
  }

  /** Pictures that wait. */
  get waiting(): number {
    return this.line.length;
  }

  /** Whether records of this camera ever came: a browser's camera has none. */
  get tracked(): boolean {
    return this.newest_us >= 0;
  }

  /** Keeps what is known of one picture for as long as that is a still; `undefined` lets it go. */
  keep(capture_us: number | undefined): void {
    this.kept = capture_us === undefined ? undefined : { capture_us, placed: this.placed(capture_us) };
  }

  /** Where the marks are on the picture of `capture_us`, as far as is known. */
  placed(capture_us: number): Placed {
    if (this.kept?.capture_us === capture_us) return this.kept.placed;
    const own = this.records.get(capture_us);
    if (own) return { positions: own, exact: true };
    let best = -1;
    for (const time of this.records.keys()) if (time <= capture_us && time > best) best = time;
    const near = capture_us - best <= NEAR_US ? this.records.get(best) : undefined;
    return near ? { positions: near, exact: false } : NOWHERE;
  }

  /** Gives all that waits, and forgets the records: the camera's clock began anew. */
  clear(): P[] {
    this.records.clear();
    this.newest_us = -1;
    this.last_us = undefined;
    return this.line.splice(0).map((one) => one.picture);
  }

  /** Whether the record of a picture has yet to come and is worth waiting for. */
  private due(capture_us: number): boolean {
    if (this.records.has(capture_us) || Math.abs(capture_us - this.newest_us) > FLOWING_US) return false;
    return (this.records.get(this.newest_us)?.size ?? 0) > 0;
  }
}
