/**
 * One camera on its canvases: frames in, pictures out. The newest decoded picture wins and is drawn when the screen is
 * ready; after any fault the view waits for the next key frame. Runs in the viewer's worker.
 */
import { unixNow } from './clock';
import { sequenceOf } from './h264';
import { decodeFrame } from './hang';
import { ViewCounters } from './view-counters';
import type { ViewStats } from './viewer-messages';

/** More frames than this inside the decoder mean that it will not catch up. */
const DECODER_QUEUE = 10;

export interface CameraViewEvents {
  onPicture: (width: number, height: number) => void;
}

interface Surface {
  context: OffscreenCanvasRenderingContext2D;
  live: boolean;
}

export class CameraView {
  readonly counters = new ViewCounters();
  /** Unix time minus capture time, µs, once the device has said both. */
  clockOffset_us: number | undefined;
  private readonly surfaces = new Map<number, Surface>();
  private decoder: VideoDecoder | undefined;
  private sequence = { codec: '', width: 0, height: 0 };
  private keyMissing = true;
  private firstOfGroup = false;
  private inDecoder = 0;
  private next: VideoFrame | undefined;
  private onScreen: VideoFrame | undefined;
  private still: VideoFrame | undefined;
  private scheduled = 0;
  private painted_ms: number | undefined;
  private firstPaint_us: number | undefined;
  private queue_delay_ms = 0;
  private size = '';

  constructor(private readonly events: CameraViewEvents) {}

  /** Draws on `canvas` too, under the number `view`. A `live` one goes on while the others are frozen. */
  add(view: number, canvas: OffscreenCanvas, live: boolean): void {
    const context = canvas.getContext('2d', { alpha: false, desynchronized: true });
    if (!context) return;
    const surface = { context, live };
    this.surfaces.set(view, surface);
    const picture = live ? this.onScreen : (this.still ?? this.onScreen);
    if (picture) paint(surface, picture);
  }

  remove(view: number): void {
    this.surfaces.delete(view);
  }

  get watched(): boolean {
    return this.surfaces.size > 0;
  }

  /** The next frame begins a group. */
  group(): void {
    this.firstOfGroup = true;
  }

  /** The publisher began anew: nothing of the old stream counts. */
  restart(): void {
    this.counters.newClock();
    this.resetDecoder();
  }

  /** Takes one frame of the video track. */
  frame(bytes: Uint8Array): void {
    const first = this.firstOfGroup;
    this.firstOfGroup = false;
    const frame = decodeFrame(bytes);
    if (!frame) {
      this.counters.received += 1;
      this.counters.drop('malformed');
      return;
    }
    this.counters.arrived(bytes.length, frame.capture_us, performance.now());
    if (first && !this.prepare(frame.payload)) {
      this.counters.drop('awaiting_key');
      return;
    }
    if (this.keyMissing || !this.decoder) {
      this.counters.drop('awaiting_key');
      return;
    }
    if (this.decoder.decodeQueueSize > DECODER_QUEUE) {
      this.keyMissing = true;
      this.counters.drop('busy');
      return;
    }
    try {
      this.decoder.decode(
        new EncodedVideoChunk({ type: first ? 'key' : 'delta', timestamp: frame.capture_us, data: frame.payload }),
      );
      this.inDecoder += 1;
    } catch {
      this.counters.drop('undecodable');
      this.resetDecoder();
    }
  }

  /** Keeps what is on the screen; gives a copy of it, or `undefined` when nothing is. */
  async freeze(): Promise<{ frame_us: number; bitmap: ImageBitmap } | undefined> {
    this.still?.close();
    this.still = this.onScreen?.clone();
    if (!this.still) return undefined;
    const frame_us = this.still.timestamp;
    return { frame_us, bitmap: await createImageBitmap(this.still) };
  }

  unfreeze(): void {
    this.still?.close();
    this.still = undefined;
    for (const surface of this.surfaces.values()) if (this.onScreen) paint(surface, this.onScreen);
  }

  /** Ends a report's interval: the queueing delay is that of the time since the last call. */
  closeInterval(): void {
    this.queue_delay_ms = this.counters.takeQueueDelay();
  }

  stats(): ViewStats {
    const { counters, sequence } = this;
    const now = performance.now();
    const delays = counters.captureToShown();
    return {
      received: counters.received,
      shown: counters.shown,
      dropped: { ...counters.dropped },
      waiting: this.inDecoder + (this.next ? 1 : 0),
      ...sequence,
      received_bps: counters.receivedBps(now),
      queue_delay_ms: this.queue_delay_ms,
      ...(this.onScreen && { frame_us: (this.still ?? this.onScreen).timestamp }),
      ...(this.firstPaint_us !== undefined && { first_paint_us: this.firstPaint_us }),
      ...(this.painted_ms !== undefined && { age_ms: Math.round(now - this.painted_ms) }),
      ...(delays && { capture_to_shown_ms: delays }),
    };
  }

  close(): void {
    this.resetDecoder();
    cancelAnimationFrame(this.scheduled);
    for (const frame of [this.next, this.onScreen, this.still]) frame?.close();
    this.next = this.onScreen = this.still = undefined;
    this.surfaces.clear();
  }

  /** Makes the decoder ready for a group that begins with `payload`; false when it does not begin with a key frame. */
  private prepare(payload: Uint8Array): boolean {
    const sequence = sequenceOf(payload);
    if (!sequence) {
      this.keyMissing = true;
      return false;
    }
    const same =
      sequence.codec === this.sequence.codec &&
      sequence.width === this.sequence.width &&
      sequence.height === this.sequence.height;
    if (this.decoder?.state === 'configured' && same) {
      this.keyMissing = false;
      return true;
    }
    this.resetDecoder();
    const decoder: VideoDecoder = new VideoDecoder({
      output: (picture) => {
        if (this.decoder === decoder) this.decoded(picture);
        else picture.close();
      },
      error: () => {
        if (this.decoder === decoder) this.resetDecoder();
      },
    });
    try {
      decoder.configure({
        codec: sequence.codec,
        codedWidth: sequence.width,
        codedHeight: sequence.height,
        optimizeForLatency: true,
      });
    } catch {
      decoder.close();
      return false;
    }
    this.decoder = decoder;
    this.sequence = sequence;
    this.keyMissing = false;
    return true;
  }

  private decoded(picture: VideoFrame): void {
    this.inDecoder = Math.max(0, this.inDecoder - 1);
    if (this.next) {
      this.next.close();
      this.counters.drop('superseded');
    }
    this.next = picture;
    if (this.scheduled === 0) {
      this.scheduled = requestAnimationFrame(() => {
        this.scheduled = 0;
        this.draw();
      });
    }
  }

  private draw(): void {
    const picture = this.next;
    if (!picture) return;
    this.next = undefined;
    let painted = false;
    for (const surface of this.surfaces.values()) {
      if (this.still && !surface.live) continue;
      paint(surface, picture);
      painted = true;
    }
    this.onScreen?.close();
    this.onScreen = picture;
    if (!painted) {
      this.counters.drop('frozen');
      return;
    }
    const now = unixNow();
    const offset = this.clockOffset_us;
    this.counters.painted(offset === undefined ? undefined : (now - picture.timestamp - offset) / 1000);
    this.painted_ms = performance.now();
    this.firstPaint_us ??= now;
    const size = `${String(picture.displayWidth)}x${String(picture.displayHeight)}`;
    if (size !== this.size) {
      this.size = size;
      this.events.onPicture(picture.displayWidth, picture.displayHeight);
    }
  }

  private resetDecoder(): void {
    const { decoder } = this;
    this.decoder = undefined;
    this.keyMissing = true;
    this.counters.dropped.undecodable += this.inDecoder;
    this.inDecoder = 0;
    if (decoder && decoder.state !== 'closed') decoder.close();
  }
}

function paint({ context }: Surface, picture: VideoFrame): void {
  const { canvas } = context;
  if (canvas.width !== picture.displayWidth) canvas.width = picture.displayWidth;
  if (canvas.height !== picture.displayHeight) canvas.height = picture.displayHeight;
  context.drawImage(picture, 0, 0);
}
