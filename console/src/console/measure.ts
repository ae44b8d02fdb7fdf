/**
 * Figures for whoever measures the product, as `window.__handlens`, read only: when each camera was first painted, and
 * what became of its frames. Keys are participants' identifiers; nothing of a person is in it.
 */
import type { ViewStats } from '../realtime/viewer';
import type { ParticipantId } from '../wire/types';

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

declare global {
  interface Window {
    readonly __handlens?: { readonly v: 1; readonly cameras: Readonly<Record<ParticipantId, CameraFigures>> };
  }
}

let cameras: Readonly<Record<ParticipantId, CameraFigures>> = {};

if (typeof window !== 'undefined') {
  Object.defineProperty(window, '__handlens', { get: () => Object.freeze({ v: 1 as const, cameras }) });
}

/** Takes the newest figures. Cameras that are gone keep their last ones. */
export function measure(stats: Readonly<Record<ParticipantId, ViewStats>>): void {
  const now = Object.entries(stats).map(([id, one]) => [id, Object.freeze(figures(one))] as const);
  cameras = Object.freeze({ ...cameras, ...Object.fromEntries(now) });
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
