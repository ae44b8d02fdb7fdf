/** What the page and its viewer's worker say to each other. */
import type { DevicePresence, Drawing, LostReason, Mark, MarkId, MarkPosition, NewMark, Ticket } from '../wire/types';

/** Why a received picture was not shown. */
export type ShowDrop =
  /** A newer one was ready before the screen was. */
  | 'superseded'
  /** The picture before it is missing. */
  | 'awaiting_key'
  /** The decoder refused it. */
  | 'undecodable'
  /** The decoder is behind. */
  | 'busy'
  /** Every view of this camera is frozen. */
  | 'frozen'
  /** Broken beyond its container. */
  | 'malformed';

export interface ViewStats {
  received: number;
  shown: number;
  /** `received` is `shown`, `waiting` and all of these together. */
  dropped: Record<ShowDrop, number>;
  /** Inside the decoder or before the screen. */
  waiting: number;
  width: number;
  height: number;
  codec: string;
  /** Capture time of the picture on the screen, µs on the publisher's clock. */
  frame_us?: number;
  /** When a picture was first on the screen, µs since the Unix epoch. */
  first_paint_us?: number;
  /** Since the picture on the screen changed, ms. */
  age_ms?: number;
  received_bps: number;
  /** How much longer the way takes than at its best, ms. */
  queue_delay_ms: number;
  /** From the camera to the screen, by both wall clocks, over the last 1024 pictures, ms. */
  capture_to_shown_ms?: { p50: number; p95: number; count: number };
}

/** One mark on a picture that was painted. */
export interface PaintedMark {
  id: MarkId;
  state: MarkPosition['state'];
  /** 95 % error of its worst point, pixels of a picture 640 wide. */
  error_px: number;
  /** The points that carry it as they were painted, normalised; of a long line 32 of them. None when it is lost. */
  points: (readonly [x: number, y: number])[];
  reason?: LostReason;
  ghost?: NonNullable<MarkPosition['ghost']>;
}

/** What is on the screen of one camera: told each time that the main view, not the small live one, was painted. */
export interface Painted {
  capture_us: number;
  /** Of the picture, pixels. */
  width: number;
  height: number;
  marks: PaintedMark[];
  /** Whether the marks' places are those on this very picture. */
  exact: boolean;
  /** Whether this camera's device says where marks are. */
  tracked: boolean;
}

export type ViewerEvent =
  /** Every committed mark. */
  | { kind: 'marks'; marks: Mark[] }
  | { kind: 'painted'; participant: string; painted: Painted }
  | { kind: 'connecting'; attempt: number }
  | { kind: 'connected'; via: 'webtransport' | 'websocket' }
  | { kind: 'lost'; why: 'offline' | 'refused' | 'unreachable' | 'closed'; retry_ms: number; code?: string }
  /** Whose cameras can be shown now, in order of arrival. */
  | { kind: 'cameras'; participants: string[] }
  /** What a participant's device says of its camera; without `presence` its broadcast ended. */
  | { kind: 'presence'; participant: string; presence?: DevicePresence }
  /** The worker met an error nobody expected, or did not load: only a reload helps. Said at most once. */
  | { kind: 'failed' }
  /** The first picture, and each one of another size. */
  | { kind: 'picture'; participant: string; width: number; height: number };

export type ToWorker =
  | { kind: 'ticket'; id: number; ticket: Ticket }
  | { kind: 'no-ticket'; id: number; code: string }
  | { kind: 'show'; view: number; participant: string; canvas?: OffscreenCanvas; live: boolean }
  | { kind: 'hide'; view: number }
  | { kind: 'freeze'; id: number; participant: string }
  | { kind: 'unfreeze'; participant: string }
  | { kind: 'own-marks'; pending: NewMark[]; selected?: MarkId }
  | { kind: 'drawing'; drawing: Drawing }
  | { kind: 'hurry' }
  | { kind: 'close' };

export type FromWorker =
  | { kind: 'ticket-please'; id: number }
  | { kind: 'event'; event: ViewerEvent }
  | { kind: 'frozen'; id: number; frame_us: number; bitmap: ImageBitmap }
  | { kind: 'not-frozen'; id: number }
  | { kind: 'stats'; stats: Record<string, ViewStats> };
