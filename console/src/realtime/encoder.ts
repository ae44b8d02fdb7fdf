/**
 * The camera's encoder: H.264 by WebCodecs, Annex-B with the parameter sets in each key frame. Made anew when the picture's
 * size changes (a turned phone), asked for another bitrate in place. Never more than two pictures wait; the newest wins.
 */
import { levelFor, parameterSets, sequenceOf, type Sequence } from './h264';

/** A key frame at least so often, µs of capture time: a group of pictures stays under 2 s. */
export const KEY_EVERY_US = 1_900_000;
/** Pictures inside the encoder that are normal; beyond it, pictures wait outside, where the newest can win. */
const INSIDE = 1;
/** A bitrate this near to the last one is not worth telling the encoder. */
const SAME_RATE = 0.1;
/** After so many faults in a row the hardware encoder is not asked again. */
const FAULTS = 2;
/** The longest rest between two tries of a broken encoder, ms. */
const REST_MS = 4_000;

/** Why a frame of the camera was not sent. */
export type SendDrop = 'busy' | 'rate' | 'unwatched' | 'paused' | 'fault';

export interface Coded {
  key: boolean;
  capture_us: number;
  bytes: Uint8Array;
  /** Of a key frame, from its own parameter set. */
  sequence?: Sequence;
}

export interface EncoderOptions {
  onCoded: (coded: Coded) => void;
  onDrop: (reason: SendDrop) => void;
}

export class CameraEncoder {
  private encoder: VideoEncoder | undefined;
  private width = 0;
  private height = 0;
  private bitrate = 0;
  private config: VideoEncoderConfig = { codec: '', width: 0, height: 0 };
  private waiting: VideoFrame | undefined;
  private keyWanted = true;
  private lastKey_us = -Infinity;
  private faults = 0;
  /** No encoder is made before, on the clock of `performance.now()`. */
  private restAfterFault = 0;
  private preparing = false;
  private closed = false;

  constructor(private readonly options: EncoderOptions) {}

  /** The next picture becomes a key frame. */
  wantKey(): void {
    this.keyWanted = true;
  }

  /** Takes `frame` over. `framerate` and `bitrate` are what the link is worth now. */
  encode(frame: VideoFrame, bitrate: number, framerate: number): void {
    if (this.closed || typeof VideoEncoder === 'undefined' || performance.now() < this.restAfterFault) {
      this.drop(frame, 'fault');
      return;
    }
    const { displayWidth: width, displayHeight: height } = frame;
    const turned = width !== this.width || height !== this.height;
    if (this.preparing) {
      this.drop(frame, 'busy');
    } else if (!this.encoder || this.encoder.state !== 'configured' || turned) {
      this.wait(frame);
      void this.prepare(width, height, bitrate, framerate);
    } else {
      this.adjust(bitrate, framerate);
      this.wait(frame);
      this.flush();
    }
  }

  close(): void {
    this.closed = true;
    this.waiting?.close();
    this.waiting = undefined;
    this.discard();
  }

  /** Puts `frame` where the next one to encode waits; one that was there is dropped. */
  private wait(frame: VideoFrame): void {
    if (this.waiting) this.drop(this.waiting, 'busy');
    this.waiting = frame;
  }

  private flush(): void {
    const { encoder, waiting } = this;
    if (!waiting || encoder?.state !== 'configured' || encoder.encodeQueueSize > INSIDE) return;
    this.waiting = undefined;
    const keyFrame = this.keyWanted || waiting.timestamp - this.lastKey_us >= KEY_EVERY_US;
    try {
      encoder.encode(waiting, { keyFrame });
      if (keyFrame) {
        this.keyWanted = false;
        this.lastKey_us = waiting.timestamp;
      }
    } catch {
      this.fault();
    }
    waiting.close();
  }

  private async prepare(width: number, height: number, bitrate: number, framerate: number): Promise<void> {
    this.preparing = true;
    try {
      const config = await supported(width, height, bitrate, framerate, this.faults >= FAULTS);
      if (this.closed) return;
      this.discard();
      const encoder = new VideoEncoder({
        output: (chunk, metadata) => {
          if (this.encoder === encoder) this.coded(chunk, metadata);
        },
        error: () => {
          if (this.encoder === encoder) this.fault();
        },
      });
      encoder.addEventListener('dequeue', () => {
        this.flush();
      });
      encoder.configure(config);
      this.encoder = encoder;
      this.config = config;
      [this.width, this.height, this.bitrate] = [width, height, bitrate];
      this.keyWanted = true;
    } catch {
      this.fault();
    } finally {
      this.preparing = false;
    }
    this.flush();
  }

  private adjust(bitrate: number, framerate: number): void {
    if (Math.abs(bitrate - this.bitrate) < this.bitrate * SAME_RATE) return;
    this.bitrate = bitrate;
    try {
      this.encoder?.configure({ ...this.config, bitrate, framerate });
    } catch {
      this.fault();
    }
  }

  private coded(chunk: EncodedVideoChunk, metadata?: EncodedVideoChunkMetadata): void {
    this.faults = 0;
    let bytes = new Uint8Array(chunk.byteLength);
    chunk.copyTo(bytes);
    const coded: Coded = { key: chunk.type === 'key', capture_us: chunk.timestamp, bytes };
    if (coded.key) {
      this.lastKey_us = chunk.timestamp;
      let sequence = sequenceOf(bytes);
      if (!sequence) {
        const sets = parameterSets(asBytes(metadata?.decoderConfig?.description));
        const whole = new Uint8Array(sets.length + bytes.length);
        whole.set(sets);
        whole.set(bytes, sets.length);
        bytes = whole;
        sequence = sequenceOf(whole);
      }
      if (!sequence) {
        this.fault();
        return;
      }
      coded.bytes = bytes;
      coded.sequence = sequence;
    }
    this.options.onCoded(coded);
  }

  private fault(): void {
    this.faults += 1;
    this.restAfterFault = performance.now() + Math.min(50 * 2 ** this.faults, REST_MS);
    this.discard();
    this.options.onDrop('fault');
  }

  private discard(): void {
    const { encoder } = this;
    this.encoder = undefined;
    this.keyWanted = true;
    if (encoder && encoder.state !== 'closed') encoder.close();
  }

  private drop(frame: VideoFrame, reason: SendDrop): void {
    frame.close();
    this.options.onDrop(reason);
  }
}

/** The first configuration the browser takes: constrained baseline, baseline, main, high; then in software. */
async function supported(
  width: number,
  height: number,
  bitrate: number,
  framerate: number,
  software: boolean,
): Promise<VideoEncoderConfig> {
  const level = levelFor(width, height).toString(16).padStart(2, '0');
  for (const hardwareAcceleration of software
    ? (['prefer-software'] as const)
    : (['no-preference', 'prefer-software'] as const)) {
    for (const profile of ['42e0', '4200', '4d00', '6400']) {
      const config: VideoEncoderConfig = {
        codec: `avc1.${profile}${level}`,
        width,
        height,
        bitrate,
        framerate,
        latencyMode: 'realtime',
        hardwareAcceleration,
        avc: { format: 'annexb' },
      };
      const { supported: takes } = await VideoEncoder.isConfigSupported(config).catch(() => ({ supported: false }));
      if (takes) return config;
    }
  }
  throw new Error('no H.264 encoder takes this picture');
}

function asBytes(source: AllowSharedBufferSource | undefined): Uint8Array {
  if (!source) return new Uint8Array();
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  return new Uint8Array(source);
}
