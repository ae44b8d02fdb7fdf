/**
 * The shell around the machine: runs its effects, keeps what it wants, tells it what happened. One object a page.
 */
import { ProblemError } from '../wire/api';
import * as guest from '../wire/guest';
import { backoffMs, openStream, type Stream } from '../wire/stream';
import type { Decision, GuestEvent, GuestView, Purpose, SessionState } from '../wire/types';
import { Awake } from './awake';
import { deviceLabel, verdict } from './browser';
import { Decisions } from './decisions';
import { forgetKey, heldKey, keyFor } from './device-key';
import { Lens, type LensState } from './lens';
import type { Live } from './live';
import { measure } from './measure';
import { initial, mayTake, step, wants, type Effect, type Event, type State } from './machine';
import { PhotoDesk } from './photo-desk';
import { flagged } from './photo/flag';
import { serverNow, setByServer } from './server-time';
import { redemption, secretBytes, statement } from './statements';

/** Everything a screen shows. */
export interface Snapshot {
  state: State;
  lens: LensState;
}

const PATIENCE_MS = 3 * 60_000;
/** Neither way brought anything for so long: the page says that it is not online, ms. */
const SILENCE_MS = 4_000;
/** Survives the reload that a denied camera needs. */
const DENIALS = 'handlens.denials';

export class Visit {
  private state = initial;
  private readonly awake = new Awake();
  private readonly lens: Lens;
  private secret: string | undefined;
  private view: GuestView | undefined;
  private keys: CryptoKeyPair | undefined;
  private events: Stream | undefined;
  private live: Live | undefined;
  private goingLive = false;
  private patience: ReturnType<typeof setTimeout> | undefined;
  private silence: ReturnType<typeof setTimeout> | undefined;
  private readonly pauses = new Set<() => void>();
  /** First names of staff. */
  private names = new Map<string, string>();
  private readonly decisions = new Decisions({
    send: (purpose, decision) => fresh(() => this.consent(purpose, decision)),
    pause: (attempt) => this.pause(backoffMs(attempt)),
    alive: () => this.state.stage !== 'over',
    onKnown: (purpose, decision) => {
      if (purpose === 'camera' && decision === 'grant') this.live?.renewForCamera();
    },
    onRefused: (purpose) => {
      this.tell({ type: 'decisionRefused', purpose });
    },
  });
  private readonly desk = new PhotoDesk({
    view: () => this.view,
    camera: (request) => {
      const { live } = this;
      const { track } = this.lens;
      if (!live || !track || !mayTake(this.state, request)) return undefined;
      return { track, nextFrame: () => live.nextFrame() };
    },
    allowed: () => this.decisions.allowed('snapshots'),
    pause: (attempt) => this.pause(backoffMs(attempt)),
    tell: (event) => {
      this.tell(event);
    },
  });

  constructor(private readonly onChange: (snapshot: Snapshot) => void) {
    this.lens = new Lens({
      onChange: () => {
        this.live?.setTrack(this.lens.track);
        this.publish();
      },
      onOpened: () => {
        sessionStorage.removeItem(DENIALS);
        this.tell({ type: 'cameraOpened' });
      },
      onRefused: (trouble) => {
        this.tell({ type: 'cameraRefused', trouble: trouble === 'denied' ? deniedAgain() : trouble });
      },
      onEnded: () => {
        this.tell({ type: 'cameraEnded' });
      },
      onBack: () => {
        this.tell({ type: 'cameraBack' });
      },
    });
  }

  open(): void {
    const fragment = location.hash.slice(1);
    this.secret = secretBytes(fragment) ? fragment : undefined;
    document.addEventListener('visibilitychange', () => {
      this.tell({ type: 'hidden', now: document.visibilityState === 'hidden' });
    });
    addEventListener('offline', () => {
      this.tell({ type: 'offline', now: true });
    });
    addEventListener('online', () => {
      this.tell({ type: 'offline', now: false });
    });
    addEventListener('hashchange', () => {
      if (secretBytes(location.hash.slice(1))) location.reload();
    });
    const found = verdict(navigator.userAgent);
    this.tell({ type: 'opened', secret: this.secret !== undefined, verdict: found, offline: !navigator.onLine });
    measure(() => this.live?.sent());
    // What comes after the first tap is fetched while the patient reads.
    void import('./live');
    if (flagged()) void this.resumePhotos();
  }

  tell(event: Event): void {
    const { state, effects } = step(this.state, event);
    this.state = state;
    for (const effect of effects) this.run(effect);
    this.reconcile();
    this.publish();
  }

  swapCamera(): Promise<void> {
    return this.lens.swap();
  }

  toggleLight(): Promise<void> {
    return this.lens.toggleLight();
  }

  /** Takes the picture that its owner chose in place of the camera. */
  choosePhoto(file: File): void {
    this.desk.pick(file);
    this.tell({ type: 'photoPicked' });
  }

  /** The chosen picture, as it would be sent. */
  chosenPhoto(): Blob | undefined {
    return this.desk.preview();
  }

  /** The own picture at the moment the technician froze, if this page still has it. */
  async still(frame_us: number): Promise<ImageBitmap | undefined> {
    return this.live?.stillNear(frame_us);
  }

  private publish(): void {
    this.onChange({ state: this.state, lens: this.lens.state });
  }

  private run(effect: Effect): void {
    switch (effect.do) {
      case 'peek':
        void this.persist(async (secret) => {
          const [peek, key] = [await guest.peek(secret), await heldKey(secret)];
          this.tell({ type: 'peeked', peek, mine: key !== undefined });
        });
        break;
      case 'resume':
        void this.persist(async () => {
          this.keys = await heldKey();
          this.view = await guest.view();
          this.tell({ type: 'resumed', view: this.view });
        });
        break;
      case 'openCamera':
        void this.lens.open();
        break;
      case 'join':
        void this.persist((secret) => this.join(secret, effect.takeOver));
        break;
      case 'consent':
        void this.decisions.decide(effect.purpose, effect.decision);
        break;
      case 'takePhoto':
        void this.desk.take(effect.request);
        break;
      case 'declinePhoto':
        void this.desk.decline(effect.request);
        break;
      case 'readPhoto':
        void this.desk.read();
        break;
      case 'sendChosen':
        void this.desk.sendChosen(effect.request);
        break;
      case 'dropChosen':
        this.desk.drop();
        break;
      case 'refuse':
      case 'again':
      case 'later':
        void this.request(effect.do);
        break;
      case 'leave':
        // The page is closed for its owner either way; the server notices a guest who only vanished.
        guest.leave().catch(() => undefined);
        break;
      case 'feedback':
        void this.feedback(effect.helped);
        break;
      case 'reload':
        location.reload();
        break;
      case 'hurry':
        for (const end of this.pauses) end();
        this.live?.hurry();
        this.desk.hurry();
        break;
      case 'forgetSecret':
        history.replaceState(null, '', location.pathname);
        break;
      case 'forgetKey':
        void forgetKey();
        break;
    }
  }

  /** Tries until it works or the server says no. */
  private async persist(request: (secret: string) => Promise<void>): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        await request(this.secret ?? '');
        return;
      } catch (error) {
        const { code, host } = error instanceof ProblemError ? error : new ProblemError('unexpected', 0);
        this.tell({ type: 'refused', code, host });
        if (code !== 'unreachable') return;
      }
      await this.pause(backoffMs(attempt));
    }
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.pauses.delete(end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.pauses.add(end);
    });
  }

  private async join(secret: string, take_over: boolean): Promise<void> {
    const keys = await keyFor(secret);
    this.keys = keys;
    const rest = { device: deviceLabel(navigator.userAgent), take_over };
    const view = await fresh(async () => guest.redeem(await redemption(keys, secret, serverNow(), rest)));
    this.view = view;
    this.tell({ type: 'joined', view });
  }

  private async consent(purpose: Purpose, decision: Decision): Promise<void> {
    const { view, keys } = this;
    const wording = view?.wordings.find((one) => one.purpose === purpose);
    if (!view || !keys || !wording) throw new ProblemError('unexpected', 0);
    await guest.consent(await statement(keys, view, purpose, decision, wording, serverNow()));
  }

  /** What an earlier load of this page did not get to send, also after the visit's end. */
  private async resumePhotos(): Promise<void> {
    try {
      const found = await guest.view();
      // Somebody who joined meanwhile is elsewhere.
      this.view ??= found;
    } catch {
      // Long after the end only what was kept can still be sent.
    }
    await this.desk.resume();
  }

  private async request(what: 'refuse' | 'again' | 'later'): Promise<void> {
    const { secret } = this;
    if (secret === undefined) return;
    try {
      await (what === 'refuse' ? guest.refuse(secret) : guest.again(secret));
      this.tell({ type: 'done', what });
    } catch {
      this.tell({ type: 'notDone' });
    }
  }

  private async feedback(helped: boolean): Promise<void> {
    try {
      await guest.feedback(helped);
    } catch (error) {
      // Said before, in another tab or before a reload: it counts.
      if (!(error instanceof ProblemError) || error.code !== 'conflict') {
        this.tell({ type: 'notDone' });
        return;
      }
    }
    this.tell({ type: 'done', what: 'feedback' });
  }

  /** Makes what lasts be as the state wants it. */
  private reconcile(): void {
    const want = wants(this.state);
    if (want.events !== (this.events !== undefined)) {
      if (want.events) this.openEvents();
      else this.closeEvents();
    }
    if (!want.camera) this.lens.close();
    this.awake.want(want.awake);
    if (want.patience && this.patience === undefined) {
      this.patience = setTimeout(() => {
        this.patience = undefined;
        this.tell({ type: 'waitedLong' });
      }, PATIENCE_MS);
    } else if (!want.patience) {
      clearTimeout(this.patience);
      this.patience = undefined;
    }
    if (want.realtime && !this.live && !this.goingLive) void this.goLive();
    if (!want.realtime) {
      this.live?.close();
      this.live = undefined;
    }
    this.live?.setPresence(want.presence);
  }

  private openEvents(): void {
    this.events = openStream<GuestEvent>(guest.EVENTS_PATH, 'state', {
      onMessage: ({ revision, presence, phase, grants, frozen, photo }) => {
        const [camera, photos] = [grants.includes('camera'), grants.includes('snapshots')];
        this.tell({ type: 'told', revision, presence, phase, camera, photos, frozen, photo });
      },
      onFlow: (flowing) => {
        clearTimeout(this.silence);
        if (flowing) this.tell({ type: 'offline', now: !navigator.onLine });
        else
          this.silence = setTimeout(() => {
            if (this.events) this.tell({ type: 'offline', now: true });
          }, SILENCE_MS);
      },
      onRefused: ({ code }) => {
        this.tell({ type: 'refused', code });
      },
    });
  }

  private closeEvents(): void {
    clearTimeout(this.silence);
    this.events?.close();
    this.events = undefined;
  }

  private async goLive(): Promise<void> {
    this.goingLive = true;
    try {
      const { goLive } = await import('./live');
      if (!wants(this.state).realtime) return;
      this.live = goLive({
        ticket: guest.ticket,
        onState: (state) => {
          this.follow(state);
        },
        onMarks: (marks) => {
          this.tell({ type: 'marks', marks: marks.filter(({ camera }) => camera === this.view?.participant) });
        },
        onDrawing: (author, drawing) => {
          const name = this.names.get(author);
          const now = drawing !== undefined && drawing.camera === this.view?.participant;
          if (name && now !== this.state.drawing.includes(name)) this.tell({ type: 'drawing', name, now });
        },
        onFollowing: (now) => {
          if (now !== this.state.following) this.tell({ type: 'following', now });
          if (now && this.state.offline && navigator.onLine) this.tell({ type: 'offline', now: false });
        },
      });
      this.live.setTrack(this.lens.track);
      this.live.setPresence(wants(this.state).presence);
    } catch {
      // The page's own file did not load: again with the next thing that happens, and events tell of that.
    } finally {
      this.goingLive = false;
    }
  }

  private follow({ revision, participants, phase, frozen, photo }: SessionState): void {
    const me = participants.find(({ id }) => id === this.view?.participant);
    if (!me) return;
    this.names = new Map(participants.map(({ id, name }) => [id, name]));
    const watchers = participants
      .filter(({ id, presence }) => id !== me.id && presence === 'admitted')
      .map(({ name }) => name)
      .filter((name) => name !== '');
    this.tell({
      type: 'told',
      revision,
      presence: me.presence,
      phase,
      camera: me.grants.includes('camera'),
      photos: me.grants.includes('snapshots'),
      photo: photo?.participant === me.id ? photo : undefined,
      frozen: frozen?.participant === me.id ? frozen : undefined,
      ...(watchers.length > 0 && { watchers }),
    });
  }
}

/** Sends a signed statement; a phone whose clock is wrong takes the server's and signs once more. */
async function fresh<T>(send: () => Promise<T>): Promise<T> {
  try {
    return await send();
  } catch (error) {
    if (!(error instanceof ProblemError) || error.code !== 'stale-statement' || !(await setByServer())) throw error;
    return send();
  }
}

/** The second denial in a row: the patient is shown where the switch is. */
function deniedAgain(): 'denied' | 'blocked' {
  const before = Number(sessionStorage.getItem(DENIALS) ?? 0);
  sessionStorage.setItem(DENIALS, String(before + 1));
  return before > 0 ? 'blocked' : 'denied';
}
