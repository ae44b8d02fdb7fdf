/**
 * The last seconds of one's own camera, small: when the technician freezes a moment, the patient sees that moment too.
 * Bounded: at most `COUNT` pictures of at most `WIDTH` pixels.
 */

/** Pictures kept. */
const COUNT = 20;
/** Time between two kept pictures, µs: 2 s in all. */
const EVERY_US = 100_000;
/** Enough for a phone's screen, pixels: 20 of them are below 20 MB. */
const WIDTH = 640;
/** A picture further away than this is another moment, µs. */
const NEAR_US = 400_000;

interface Kept {
  capture_us: number;
  bitmap: ImageBitmap;
}

export class Still {
  private kept: Kept[] = [];
  private last_us = -Infinity;
  private generation = 0;

  /** Keeps a small copy of `frame` if it is time for one. The frame stays the caller's. */
  keep(frame: VideoFrame): void {
    const capture_us = frame.timestamp;
    if (capture_us - this.last_us < EVERY_US) return;
    this.last_us = capture_us;
    const { generation } = this;
    const resizeWidth = Math.min(WIDTH, frame.displayWidth);
    createImageBitmap(frame, { resizeWidth, resizeQuality: 'low' }).then(
      (bitmap) => {
        if (generation !== this.generation) {
          bitmap.close();
          return;
        }
        this.kept.push({ capture_us, bitmap });
        while (this.kept.length > COUNT) this.kept.shift()?.bitmap.close();
      },
      () => undefined,
    );
  }

  async near(frame_us: number): Promise<ImageBitmap | undefined> {
    let best: Kept | undefined;
    for (const kept of this.kept) {
      if (!best || Math.abs(kept.capture_us - frame_us) < Math.abs(best.capture_us - frame_us)) best = kept;
    }
    if (!best || Math.abs(best.capture_us - frame_us) > NEAR_US) return undefined;
    return createImageBitmap(best.bitmap);
  }

  clear(): void {
    this.generation += 1;
    for (const { bitmap } of this.kept) bitmap.close();
    this.kept = [];
    this.last_us = -Infinity;
  }
}
