/** The realtime plane as the live view needs it: who can be seen, how old the picture is, and the still. */
import { openViewer, type Painted, type Viewer, type ViewerEvent, type ViewStats } from '../../realtime/viewer';
import * as staff from '../../wire/staff';
import type { CameraPresence, Drawing, Mark, MarkId, NewMark, ParticipantId, SessionId } from '../../wire/types';
import { measure, measurePainted } from '../measure';
import { paintedKey } from './marks';

/** How often the figures on the screen are renewed, ms. */
const LOOK_MS = 250;

export interface ViewingEvents {
  onMarks: (marks: readonly Mark[]) => void;
  onPainted: (painted: Painted) => void;
}

/** The picture this window holds. */
export interface HeldStill {
  participant: ParticipantId;
  frame_us: number;
  /** Closed when the still is let go. */
  bitmap: ImageBitmap;
}

/** One wish for a still, until it is let go. */
interface Freezing {
  participant: ParticipantId;
  frame_us: Promise<number | undefined>;
}

export class Viewing {
  /** Whose pictures can be shown. */
  cameras = $state.raw<readonly ParticipantId[]>([]);
  /** Whether the connection was lost, or never came about; the first attempt is not a loss. */
  lost = $state(false);
  /** Whether pictures cannot be shown any more in this window, until it is loaded anew. */
  failed = $state(false);
  /** What each device says of its camera. */
  presences = $state<Record<ParticipantId, CameraPresence>>({});
  stats = $state.raw<Record<ParticipantId, ViewStats>>({});
  /** Size of each picture, for the frame it stands in. */
  sizes = $state<Record<ParticipantId, { width: number; height: number }>>({});
  /** The still this window holds. */
  still = $state.raw<HeldStill>();
  /** Every committed mark. */
  marks = $state.raw<readonly Mark[]>([]);
  /** What was last painted of each camera, as far as the page says anything of it. */
  painted = $state.raw<Readonly<Record<ParticipantId, Painted>>>({});

  readonly #events: ViewingEvents;
  readonly #viewer: Viewer;
  /** Everybody whose camera was ever there: a last picture that stays on the stage must show its age. */
  readonly #seen = new Set<ParticipantId>();
  readonly #look: ReturnType<typeof setInterval>;
  #freezing: Freezing | undefined;

  constructor(session: SessionId, events: ViewingEvents) {
    this.#events = events;
    this.#viewer = openViewer({
      ticket: () => staff.ticket(session),
      onEvent: (event) => {
        this.#take(event);
      },
    });
    this.#look = setInterval(() => {
      const entries = [...this.#seen].flatMap((one) => {
        const stats = this.#viewer.stats(one);
        return stats ? [[one, stats] as const] : [];
      });
      this.stats = Object.fromEntries(entries);
      measure(this.stats);
    }, LOOK_MS);
  }

  show(participant: ParticipantId, canvas: HTMLCanvasElement, live: boolean): () => void {
    return this.#viewer.show(participant, canvas, { live });
  }

  /**
   * Holds the picture that is seen now, or goes on holding the one that is held; gives its capture time, or nothing when
   * there is no picture.
   */
  freeze(participant: ParticipantId): Promise<number | undefined> {
    if (this.#freezing?.participant === participant) return this.#freezing.frame_us;
    this.unfreeze();
    const freezing: Freezing = { participant, frame_us: Promise.resolve(undefined) };
    this.#freezing = freezing;
    freezing.frame_us = this.#freeze(freezing);
    return freezing.frame_us;
  }

  unfreeze(): void {
    const participant = this.#freezing?.participant;
    this.#freezing = undefined;
    this.still?.bitmap.close();
    this.still = undefined;
    if (participant !== undefined) this.#viewer.unfreeze(participant);
  }

  ownMarks(pending: readonly NewMark[], selected: MarkId | undefined): void {
    this.#viewer.ownMarks(pending, selected);
  }

  draw(drawing: Drawing): void {
    this.#viewer.draw(drawing);
  }

  hurry(): void {
    this.#viewer.hurry();
  }

  close(): void {
    clearInterval(this.#look);
    this.still?.bitmap.close();
    this.#viewer.close();
  }

  async #freeze(freezing: Freezing): Promise<number | undefined> {
    const { participant } = freezing;
    try {
      const { frame_us, bitmap } = await this.#viewer.freeze(participant);
      if (this.#freezing !== freezing) {
        // Let go before it was there; another one of the same camera stands.
        bitmap.close();
        if (this.#freezing?.participant !== participant) this.#viewer.unfreeze(participant);
        return undefined;
      }
      this.still = { participant, frame_us, bitmap };
      return frame_us;
    } catch {
      if (this.#freezing === freezing) this.#freezing = undefined;
      return undefined;
    }
  }

  #take(event: ViewerEvent): void {
    switch (event.kind) {
      case 'connected':
        this.lost = false;
        break;
      case 'connecting':
        break;
      case 'lost':
        this.lost = true;
        break;
      case 'failed':
        this.failed = true;
        break;
      case 'cameras':
        this.cameras = event.participants;
        for (const one of event.participants) this.#seen.add(one);
        break;
      case 'presence':
        if (event.presence) this.presences[event.participant] = event.presence.camera;
        else Reflect.deleteProperty(this.presences, event.participant);
        break;
      case 'marks':
        this.marks = event.marks;
        this.#events.onMarks(event.marks);
        break;
      case 'painted': {
        const { participant, painted } = event;
        measurePainted(participant, painted);
        const before = this.painted[participant];
        if (before && paintedKey(before) === paintedKey(painted)) break;
        this.painted = { ...this.painted, [participant]: painted };
        this.#events.onPainted(painted);
        break;
      }
      case 'picture':
        this.sizes[event.participant] = { width: event.width, height: event.height };
        break;
    }
  }
}
