/**
 * One camera on its canvases: frames in, pictures out, each with its marks in one painting. The newest decoded picture wins
 * and is drawn when the screen is ready (and its marks' record there: `mark-join.ts`); after any fault the view waits for
 * the next key frame. Runs in the viewer's worker.
 */
import { paintShape, type Shape } from '../marks/paint';
import type { Mark, MarkFrame, MarkId, NewMark } from '../wire/types';
import { unixNow } from './clock';
import { sequenceOf } from './h264';
import { decodeFrame } from './hang';
import { MarkJoin } from './mark-join';
import { MarkLayer } from './mark-layer';
import { ViewCounters } from './view-counters';
import type { Painted, ShowDrop, ViewStats } from './viewer-messages';

/** More frames than this inside the decoder mean that it will not catch up. */
const DECODER_QUEUE = 10;
/** A smaller picture gets twice the canvas while there are marks on it: lines are then as sharp as the screen, pixels. */
const FINE_WIDTH = 960;

export interface CameraViewEvents {
  onPicture: (width: number, height: number) => void;
  /** The main views show this now. */
  onPainted: (painted: Painted) => void;
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
  /** Frames in the decoder that came before: others lean on them, they are not shown again. */
  private readonly repeated = new Set<number>();
  private readonly join = new MarkJoin<VideoFrame>();
  private readonly layer = new MarkLayer();
  /** Marks changed, or the record of what is shown came. */
  private outdated = false;
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
    if (picture) paint(surface, picture, this.layer.on(picture.timestamp, this.join.placed(picture.timestamp)).shapes);
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
    for (const picture of this.join.clear()) this.supersede(picture);
    this.resetDecoder();
  }

  /** Where the marks are on one picture. */
  marks(frame: MarkFrame): void {
    this.join.record(frame);
    const awaited = [this.onScreen, this.still].some((picture) => picture?.timestamp === frame.capture_us);
    if (awaited) this.outdated = true;
    if (awaited || this.join.waiting > 0) this.schedule();
  }

  /** Every committed mark of this camera. */
  commit(marks: readonly Mark[]): void {
    this.layer.commit(marks);
    this.repaint();
  }

  /** Marks of this page that are not among the committed ones yet, and the one that is spoken of. */
  own(pending: readonly NewMark[], selected: MarkId | undefined): void {
    this.layer.own(pending, selected);
    this.repaint();
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
    const fresh = this.counters.arrived(bytes.length, frame.capture_us, performance.now());
    const drop = (reason: ShowDrop) => {
      if (fresh) this.counters.drop(reason);
    };
    if (first && !this.prepare(frame.payload)) {
      drop('awaiting_key');
      return;
    }
    if (this.keyMissing || !this.decoder) {
      drop('awaiting_key');
      return;
    }
    if (this.decoder.decodeQueueSize > DECODER_QUEUE) {
      this.keyMissing = true;
      drop('busy');
      return;
    }
    try {
      this.decoder.decode(
        new EncodedVideoChunk({ type: first ? 'key' : 'delta', timestamp: frame.capture_us, data: frame.payload }),
      );
      if (fresh) this.inDecoder += 1;
      else this.repeated.add(frame.capture_us);
    } catch {
      drop('undecodable');
      this.resetDecoder();
    }
  }

  /** Keeps what is on the screen; gives a copy of it, or `undefined` when nothing is. */
  async freeze(): Promise<{ frame_us: number; bitmap: ImageBitmap } | undefined> {
    this.still?.close();
    this.still = this.onScreen?.clone();
    if (!this.still) return undefined;
    const frame_us = this.still.timestamp;
    this.join.keep(frame_us);
    this.repaint();
    return { frame_us, bitmap: await createImageBitmap(this.still) };
  }

  unfreeze(): void {
    this.still?.close();
    this.still = undefined;
    this.join.keep(undefined);
    this.repaint();
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
      waiting: this.inDecoder + this.join.waiting,
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
    for (const frame of [...this.join.clear(), this.onScreen, this.still]) frame?.close();
    this.onScreen = this.still = undefined;
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
    if (this.repeated.delete(picture.timestamp)) {
      picture.close();
      return;
    }
    this.inDecoder = Math.max(0, this.inDecoder - 1);
    for (const older of this.join.push(picture, picture.timestamp, performance.now())) this.supersede(older);
    this.schedule();
  }

  private supersede(picture: VideoFrame): void {
    picture.close();
    this.counters.drop('superseded');
  }

  private repaint(): void {
    this.outdated = true;
    this.schedule();
  }

  private schedule(): void {
    if (this.scheduled !== 0) return;
    this.scheduled = requestAnimationFrame(() => {
      this.scheduled = 0;
      this.draw();
    });
  }

  private draw(): void {
    const taken = this.join.take(performance.now());
    for (const older of taken?.superseded ?? []) this.supersede(older);
    if (taken) this.show(taken.picture);
    // What was not painted just now is painted again when its marks changed.
    if (this.outdated && (this.still !== undefined || !taken)) this.paintAll(false);
    if (this.outdated && !taken) this.paintAll(true);
    this.outdated = false;
    if (this.join.waiting > 0) this.schedule();
  }

  /** Makes `picture` the one on the screen. */
  private show(picture: VideoFrame): void {
    this.onScreen?.close();
    this.onScreen = picture;
    const inset = this.paintAll(true);
    const main = !this.still && this.paintAll(false);
    if (!inset && !main) {
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

  /** Paints the live views, or the main ones, with what they show; tells whether there was anything to paint. */
  private paintAll(live: boolean): boolean {
    const picture = live ? this.onScreen : (this.still ?? this.onScreen);
    const surfaces = [...this.surfaces.values()].filter((surface) => surface.live === live);
    if (!picture || surfaces.length === 0) return false;
    const placed = this.join.placed(picture.timestamp);
    const { shapes, told } = this.layer.on(picture.timestamp, placed);
    for (const surface of surfaces) paint(surface, picture, shapes);
    if (live) return true;
    const { timestamp: capture_us, displayWidth: width, displayHeight: height } = picture;
    this.events.onPainted({ capture_us, width, height, marks: told, exact: placed.exact, tracked: this.join.tracked });
    return true;
  }

  private resetDecoder(): void {
    const { decoder } = this;
    this.decoder = undefined;
    this.keyMissing = true;
    this.counters.dropped.undecodable += this.inDecoder;
    this.inDecoder = 0;
    this.repeated.clear();
    if (decoder && decoder.state !== 'closed') decoder.close();
  }
}

function paint({ context, live }: Surface, picture: VideoFrame, shapes: readonly Shape[]): void {
  const { canvas } = context;
  const scale = shapes.length > 0 && !live && picture.displayWidth < FINE_WIDTH ? 2 : 1;
  const [width, height] = [picture.displayWidth * scale, picture.displayHeight * scale];
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  context.drawImage(picture, 0, 0, width, height);
  for (const shape of shapes) paintShape(context, width, height, shape);
}
