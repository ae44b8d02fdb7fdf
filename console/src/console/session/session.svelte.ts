/**
 * One open session on this screen: the server's state as it comes, the realtime plane once somebody was admitted, and
 * what the technician can do. The screen reads it; what the screen says of it is computed in `model.ts`.
 */
import { text } from '../../text';
import { ProblemError } from '../../wire/api';
import * as staff from '../../wire/staff';
import { openStream, type Stream } from '../../wire/stream';
import type { InviteId, InviteView, ParticipantId, SessionState, SessionView, StaffEvent } from '../../wire/types';
import { account } from '../account.svelte';
import { sentence } from '../problems';
import { Album } from './album.svelte';
import * as chime from './chime';
import { freshLinks } from './fresh-links';
import { Marking } from './marking.svelte';
import { admitted, arrivals, nextCamera, stageCamera, type Moment, type Picture } from './model';
import { NoteEditor } from './note.svelte';
import { saidNo, unsent } from './photos';
import { Viewing } from './viewing.svelte';

/** How often photos that are still on their way are asked after once the session is over, ms. */
const GLANCE_MS = 3_000;

export class OpenSession {
  readonly id: string;
  readonly view: SessionView;
  readonly note: NoteEditor;
  readonly marking: Marking;
  readonly album: Album;
  state = $state.raw<SessionState>() as SessionState;
  invites = $state.raw<InviteView[]>([]);
  /** Whether the server's messages flow. */
  flows = $state(true);
  viewing = $state.raw<Viewing>();
  /** What last went wrong, for people. */
  problem = $state('');
  now_us = $state(Date.now() * 1000);
  /** When somebody last said no to a photo. */
  refused_us = $state<number>();
  /** Whose camera the technician chose. */
  wanted = $state<ParticipantId>();

  readonly onStage = $derived(stageCamera(this.state, this.wanted));
  readonly arrivals = $derived(arrivals(this.state));
  readonly ended = $derived(this.state.phase === 'ended');
  readonly picture = $derived.by((): Picture | undefined =>
    this.onStage === undefined ? undefined : this.pictureOf(this.onStage),
  );
  readonly holdsStill = $derived(this.onStage !== undefined && this.viewing?.still?.participant === this.onStage);
  readonly moment = $derived<Moment>({
    state: this.state,
    onStage: this.onStage,
    picture: this.picture,
    holdsStill: this.holdsStill,
    serverFlows: this.flows,
    mediaLost: this.viewing?.lost ?? false,
    viewerFailed: this.viewing?.failed ?? false,
    refused_us: this.refused_us,
    now_us: this.now_us,
  });

  #stream: Stream | undefined;
  #clock: ReturnType<typeof setInterval> | undefined;
  #closed = false;
  #glance: ReturnType<typeof setTimeout> | undefined;

  constructor(view: SessionView) {
    this.id = view.id;
    this.view = view;
    this.invites = view.invites;
    this.note = new NoteEditor(view.id);
    this.marking = new Marking(this);
    this.album = new Album(view.id);
    this.#take(view.state, view.invites);
    void this.note.load();
    // What is over does not change any more.
    if (this.ended) return;
    this.#clock = setInterval(() => (this.now_us = Date.now() * 1000), 500);
    this.#listen();
  }

  /** Asks whoever is on the stage for a photo. A request that is open stays. */
  askPhoto = () =>
    this.try(async () => {
      const participant = this.onStage;
      if (participant === undefined || this.state.photo?.participant === participant) return;
      this.refused_us = undefined;
      await staff.askPhoto(this.id, participant);
    });

  #listen(): void {
    this.#stream = openStream<StaffEvent>(staff.eventsPath(this.id), 'state', {
      onMessage: ({ state, invites }) => {
        this.#take(state, invites);
      },
      onFlow: (flows) => {
        this.flows = flows;
        if (flows) this.viewing?.hurry();
      },
      onRefused: (refusal) => {
        this.#fail(refusal);
      },
    });
  }

  pictureOf(participant: ParticipantId): Picture {
    return {
      presence: this.viewing?.presences[participant],
      age_ms: this.viewing?.stats[participant]?.age_ms,
    };
  }

  /** The link of an invite that was made in this window; it is told only once. */
  linkOf(invite: InviteId): string | undefined {
    return freshLinks.get(invite);
  }

  invite = () =>
    this.try(async () => {
      const { invite, link } = await staff.invite(this.id, true);
      freshLinks.set(invite.id, link);
      if (!this.invites.some((one) => one.id === invite.id)) this.invites = [...this.invites, invite];
    });

  revoke = (invite: InviteId) => this.try(() => staff.revokeInvite(this.id, invite));
  decline = (guest: ParticipantId) => this.try(() => staff.decline(this.id, guest));

  /** Reads the session again; after the end nothing tells of what is still added. Reading is an entry of its log. */
  refresh = () =>
    this.try(async () => {
      const { state, invites } = await staff.session(this.id);
      this.#take(state, invites);
    });

  /** Ends the session, with what stands in the note. */
  end = () =>
    this.try(async () => {
      await this.note.save();
      await staff.end(this.id);
    });

  admit = (guest: ParticipantId) => this.try(() => staff.admit(this.id, guest));

  /** Admits who came first, if anybody waits. */
  admitFirst = async (): Promise<void> => {
    const first = this.arrivals[0];
    if (first) await this.admit(first.id);
  };

  freeze = () =>
    this.try(async () => {
      const participant = this.onStage;
      if (participant === undefined || this.state.frozen || !this.viewing) return;
      this.marking.keep();
      const frame_us = await this.viewing.freeze(participant);
      if (frame_us === undefined) {
        this.marking.drop();
        return;
      }
      try {
        await staff.freeze(this.id, { participant, frame_us });
      } catch (error) {
        this.marking.drop();
        throw error;
      }
    });

  unfreeze = () => this.try(() => (this.state.frozen ? staff.unfreeze(this.id) : Promise.resolve()));

  toggleFreeze = () => (this.state.frozen ? this.unfreeze() : this.freeze());

  swap = () => {
    const next = nextCamera(this.state, this.onStage);
    if (next !== undefined) this.choose(next);
  };

  /** Puts a camera on the stage, unless a still is. */
  choose = (camera: ParticipantId) => {
    if (this.state.frozen || camera === this.onStage) return;
    this.marking.drop();
    this.wanted = camera;
  };

  close(): void {
    this.#closed = true;
    this.#stop();
    clearTimeout(this.#glance);
    this.album.close();
    this.note.close();
  }

  #take(state: SessionState, invites: InviteView[]): void {
    const before = this.state as SessionState | undefined;
    if (before && state.revision < before.revision) return;
    const known = new Set(before ? arrivals(before).map((guest) => guest.id) : []);
    if (arrivals(state).some((guest) => !known.has(guest.id))) chime.play();
    if (before && saidNo(before, state) !== undefined) this.refused_us = Date.now() * 1000;
    if (state.photo) this.refused_us = undefined;
    const thawed = before?.frozen !== undefined && !state.frozen;
    this.state = state;
    if (thawed) this.marking.drop();
    this.invites = invites;
    this.now_us = Date.now() * 1000;
    if (state.phase === 'ended') {
      this.#stop();
      this.note.finish();
      // Nothing tells of a session that is over, and photos may still come.
      clearTimeout(this.#glance);
      if (unsent(state).length > 0 && !this.#closed) {
        this.#glance = setTimeout(() => {
          this.#listen();
        }, GLANCE_MS);
      }
    } else if (admitted(state).length > 0 && !this.viewing && !this.#closed) {
      this.viewing = new Viewing(this.id, {
        onMarks: (marks) => {
          this.marking.told(marks);
        },
        onPainted: (painted) => {
          this.marking.painted(painted);
        },
      });
    }
  }

  #stop(): void {
    clearInterval(this.#clock);
    this.marking.close();
    this.#stream?.close();
    this.#stream = undefined;
    this.viewing?.close();
    this.viewing = undefined;
  }

  /** Does it; a refusal becomes a sentence on the stage. */
  async try(act: () => Promise<unknown>): Promise<void> {
    this.problem = '';
    try {
      await act();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (account.isOver(error)) return;
    // Somebody else was faster; the state that comes says so better than a refusal.
    if (error instanceof ProblemError && error.code === 'session-ended' && this.ended) return;
    this.problem = sentence(error) || text.problems.unexpected;
  }
}
