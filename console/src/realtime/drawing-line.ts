/**
 * What this page is drawing, on the `marks` track of its own data broadcast: the first record at once, then at most fifteen
 * a second with the newest always among them, and the last one, without a stroke, at once again.
 */
import type { Drawing } from '../wire/types';
import { captureNow } from './clock';
import { encodeDrawing } from './mark-records';
import { Time, type Track } from './moq';

/** Time between two records of a stroke, ms: below fifteen a second. */
const EVERY_MS = 67;

export class DrawingLine {
  private track: Track.Producer | undefined;
  private waiting: Drawing | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private drawn = false;

  /** Goes out on this track from now on, or nowhere. What is being drawn is said there too, with its next record. */
  attach(track: Track.Producer | undefined): void {
    this.track = track;
  }

  get attached(): Track.Producer | undefined {
    return this.track;
  }

  say(drawing: Drawing): void {
    this.waiting = drawing;
    if (drawing.stroke && this.drawn && this.timer !== undefined) return;
    clearTimeout(this.timer);
    this.drawn = drawing.stroke !== undefined;
    this.send();
  }

  private send(): void {
    const drawing = this.waiting;
    this.timer = undefined;
    if (!drawing) return;
    this.waiting = undefined;
    this.track?.writeFrame({ payload: encodeDrawing(drawing), timestamp: Time.Timestamp.fromMicros(captureNow()) });
    this.timer = setTimeout(() => {
      this.send();
    }, EVERY_MS);
  }
}
