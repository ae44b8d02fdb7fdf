/**
 * Watching a session: cameras on canvases. Everything happens in a worker (connection, decoder, drawing), so a busy page
 * does not delay a picture; here is only its remote control.
 *
 * ```ts
 * const viewer = openViewer({ ticket: () => staff.ticket(session), onEvent });
 * const hide = viewer.show(participant, canvas);              // the canvas' bitmap gets the picture's size: use object-fit
 * const { frame_us, bitmap } = await viewer.freeze(participant);
 * ```
 */
import { ProblemError } from '../wire/api';
import type { Drawing, MarkId, NewMark, Ticket } from '../wire/types';
import type { FromWorker, ToWorker, ViewStats, ViewerEvent } from './viewer-messages';

export type { Painted, PaintedMark, ShowDrop, ViewStats, ViewerEvent } from './viewer-messages';

export interface Frozen {
  /** Capture time of the still, µs on the publisher's clock. */
  frame_us: number;
  /** The still itself. It belongs to the caller. */
  bitmap: ImageBitmap;
}

export interface Viewer {
  /**
   * Shows the camera of `participant` on `canvas`, now or as soon as there is one, until the returned function is called.
   * A canvas is taken over for good, but may be shown something else later. `live` views go on while the rest is frozen.
   */
  show(participant: string, canvas: HTMLCanvasElement, options?: { live?: boolean }): () => void;
  /** Keeps the picture that is on the screen on all but the `live` views. Rejects when there is none. */
  freeze(participant: string): Promise<Frozen>;
  unfreeze(participant: string): void;
  /** Marks that this page sent and that the server has not told back yet, and the one that is spoken of. */
  ownMarks(pending: readonly NewMark[], selected: MarkId | undefined): void;
  /** Tells the others what is being drawn, and with a record without a stroke that it is over. */
  draw(drawing: Drawing): void;
  /** As of at most a quarter of a second ago. */
  stats(participant: string): ViewStats | undefined;
  /** Whose cameras can be shown. */
  cameras(): readonly string[];
  /** Ends a wait for the next attempt to connect. */
  hurry(): void;
  close(): void;
}

export interface ViewerOptions {
  ticket: () => Promise<Ticket>;
  onEvent: (event: ViewerEvent) => void;
}

/** Canvases that were given to a worker: that can be done once each. */
const taken = new WeakMap<HTMLCanvasElement, number>();
let nextView = 1;

export function openViewer({ ticket, onEvent }: ViewerOptions): Viewer {
  const worker = new Worker(new URL('./viewer.worker.ts', import.meta.url), { type: 'module', name: 'viewer' });
  const freezing = new Map<number, { resolve: (frozen: Frozen) => void; reject: (error: Error) => void }>();
  let failed = false;
  let nextFreeze = 1;
  let cameras: readonly string[] = [];
  let stats: Record<string, ViewStats> = {};
  const send = (message: ToWorker, transfer: Transferable[] = []) => {
    worker.postMessage(message, transfer);
  };
  const fetchTicket = async (id: number) => {
    try {
      send({ kind: 'ticket', id, ticket: await ticket() });
    } catch (error) {
      send({ kind: 'no-ticket', id, code: error instanceof ProblemError ? error.code : 'unexpected' });
    }
  };
  const settle = (id: number) => {
    const waiting = freezing.get(id);
    freezing.delete(id);
    return waiting;
  };

  const giveUp = (why: string) => {
    for (const { reject } of freezing.values()) reject(new Error(why));
    freezing.clear();
  };

  worker.onerror = () => {
    if (failed) return;
    failed = true;
    giveUp('the viewer failed');
    onEvent({ kind: 'failed' });
  };
  worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
    switch (data.kind) {
      case 'ticket-please':
        void fetchTicket(data.id);
        break;
      case 'event':
        if (data.event.kind === 'cameras') cameras = data.event.participants;
        onEvent(data.event);
        break;
      case 'frozen': {
        const waiting = settle(data.id);
        if (waiting) waiting.resolve({ frame_us: data.frame_us, bitmap: data.bitmap });
        else data.bitmap.close();
        break;
      }
      case 'not-frozen':
        settle(data.id)?.reject(new Error('there is no picture to freeze'));
        break;
      case 'stats':
        stats = data.stats;
        break;
    }
  };

  return {
    show(participant, canvas, { live = false } = {}) {
      let view = taken.get(canvas);
      if (view === undefined) {
        view = nextView++;
        taken.set(canvas, view);
        const offscreen = canvas.transferControlToOffscreen();
        send({ kind: 'show', view, participant, canvas: offscreen, live }, [offscreen]);
      } else send({ kind: 'show', view, participant, live });
      const shown = view;
      return () => {
        send({ kind: 'hide', view: shown });
      };
    },
    freeze(participant) {
      if (failed) return Promise.reject(new Error('the viewer failed'));
      return new Promise((resolve, reject) => {
        const id = nextFreeze++;
        freezing.set(id, { resolve, reject });
        send({ kind: 'freeze', id, participant });
      });
    },
    unfreeze(participant) {
      send({ kind: 'unfreeze', participant });
    },
    ownMarks(pending, selected) {
      send({ kind: 'own-marks', pending: [...pending], ...(selected !== undefined && { selected }) });
    },
    draw(drawing) {
      send({ kind: 'drawing', drawing });
    },
    stats: (participant) => stats[participant],
    cameras: () => cameras,
    hurry() {
      send({ kind: 'hurry' });
    },
    close() {
      giveUp('closed');
      send({ kind: 'close' });
      // The worker says goodbye to the server first; it ends itself, this is for one that does not.
      setTimeout(() => {
        worker.terminate();
      }, 1_000);
    },
  };
}
