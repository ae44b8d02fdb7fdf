/** The realtime plane as the live view needs it: who can be seen, how old the picture is, and the still. */
import { openViewer, type Viewer, type ViewerEvent, type ViewStats } from '../../realtime/viewer';
import * as staff from '../../wire/staff';
import type { CameraPresence, ParticipantId, SessionId } from '../../wire/types';
import { measure } from '../measure';

/** How often the figures on the screen are renewed, ms. */
const LOOK_MS = 250;

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
  still = $state.raw<{ participant: ParticipantId; frame_us: number }>();

  readonly #viewer: Viewer;
  /** Everybody whose camera was ever there: a last picture that stays on the stage must show its age. */
  readonly #seen = new Set<ParticipantId>();
  readonly #look: ReturnType<typeof setInterval>;

  constructor(session: SessionId) {
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

  /** Holds the picture that is seen now; gives its capture time, or nothing when there is no picture. */
  async freeze(participant: ParticipantId): Promise<number | undefined> {
    try {
      const { frame_us, bitmap } = await this.#viewer.freeze(participant);
      bitmap.close();
      this.still = { participant, frame_us };
      return frame_us;
    } catch {
      return undefined;
    }
  }

  unfreeze(): void {
    if (this.still) this.#viewer.unfreeze(this.still.participant);
    this.still = undefined;
  }

  hurry(): void {
    this.#viewer.hurry();
  }

  close(): void {
    clearInterval(this.#look);
    this.#viewer.close();
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
      case 'picture':
        this.sizes[event.participant] = { width: event.width, height: event.height };
        break;
    }
  }
}
