/**
 * Figures for whoever measures the product, as `window.__handlens`, read only: when each camera was first painted, what
 * became of its frames, where marks were painted on them, and what was read of each photo. Keys are identifiers; nothing of a
 * person is in it.
 */
import type { Painted, PaintedMark, ViewStats } from '../realtime/viewer';
import type { ObjectId, ParticipantId } from '../wire/types';

export interface CameraFigures {
  /** When a picture was first on the screen, µs since the Unix epoch. */
  first_paint_us?: number;
  frames_received: number;
  frames_shown: number;
  /** `frames_received` is shown, waiting and dropped together. */
  frames_waiting: number;
  frames_dropped: number;
  dropped: Readonly<Record<string, number>>;
  /** Capture time of the picture on the screen, µs on its device's clock. */
  last_frame_us?: number;
  age_ms?: number;
  width: number;
  height: number;
  codec: string;
  /** By both devices' wall clocks, over the last 1024 frames. */
  capture_to_shown_ms?: { p50: number; p95: number; count: number };
}

/** One picture as it was painted on the stage, with its marks in the same painting. */
export interface PaintedFigures {
  /** Of the picture, µs on its device's clock. */
  capture_us: number;
  width: number;
  height: number;
  /** Whether the marks' places were those of this very picture; else those of one just before it. */
  exact: boolean;
  /** As painted: points are normalised; of a line longer than 32 points, 32 evenly chosen ones. None when it is lost. */
  marks: readonly Pick<PaintedMark, 'id' | 'state' | 'error_px' | 'points'>[];
}

/** A photo that was opened in this window: its plaintext, which says the same as what was sealed or does not. */
export interface SnapshotFigures {
  bytes: number;
  /** Hex. */
  sha256: string;
}

declare global {
  interface Window {
    readonly __handlens?: {
      readonly v: 1;
      readonly cameras: Readonly<Record<ParticipantId, CameraFigures>>;
      /** The last 3000 paintings of each camera, oldest first. */
      readonly marks: Readonly<Record<ParticipantId, readonly PaintedFigures[]>>;
      readonly snapshots: Readonly<Record<ObjectId, SnapshotFigures>>;
    };
  }
}

/** Paintings kept for each camera: 100 s of 30 a second. */
const PAINTINGS = 3000;

let cameras: Readonly<Record<ParticipantId, CameraFigures>> = {};
let snapshots: Readonly<Record<ObjectId, SnapshotFigures>> = {};
const paintings = new Map<ParticipantId, PaintedFigures[]>();

if (typeof window !== 'undefined') {
  Object.defineProperty(window, '__handlens', {
    get: () => Object.freeze({ v: 1 as const, cameras, marks: Object.fromEntries(paintings), snapshots }),
  });
}

/** Takes the newest figures. Cameras that are gone keep their last ones. */
export function measure(stats: Readonly<Record<ParticipantId, ViewStats>>): void {
  const now = Object.entries(stats).map(([id, one]) => [id, Object.freeze(figures(one))] as const);
  cameras = Object.freeze({ ...cameras, ...Object.fromEntries(now) });
}

/** Takes what was just painted of a camera. */
export function measurePainted(participant: ParticipantId, { capture_us, width, height, exact, marks }: Painted): void {
  const ring = paintings.get(participant) ?? [];
  paintings.set(participant, ring);
  const told = marks.map(({ id, state, error_px, points }) => ({ id, state, error_px, points }));
  ring.push({ capture_us, width, height, exact, marks: told });
  if (ring.length > PAINTINGS) ring.splice(0, ring.length - PAINTINGS);
}

/** Takes what was read of a photo. */
export function measureSnapshot(object: ObjectId, one: SnapshotFigures): void {
  snapshots = Object.freeze({ ...snapshots, [object]: Object.freeze(one) });
}

function figures(stats: ViewStats): CameraFigures {
  return {
    frames_received: stats.received,
    frames_shown: stats.shown,
    frames_waiting: stats.waiting,
    frames_dropped: Object.values(stats.dropped).reduce((a, b) => a + b, 0),
    dropped: stats.dropped,
    width: stats.width,
    height: stats.height,
    codec: stats.codec,
    ...(stats.first_paint_us !== undefined && { first_paint_us: stats.first_paint_us }),
    ...(stats.frame_us !== undefined && { last_frame_us: stats.frame_us }),
    ...(stats.age_ms !== undefined && { age_ms: stats.age_ms }),
    ...(stats.capture_to_shown_ms && { capture_to_shown_ms: stats.capture_to_shown_ms }),
  };
}
