/**
 * The patient's visit as a pure machine: what happened in, the next state and one-shot effects out. What must hold for as
 * long as a state lasts (events open, camera open, screen awake) is not an effect but read from the state: [`wants`].
 *
 * ```text
 *  loading ──peeked──▶ asked ──Start camera──▶ joining ──joined──▶ waiting ──admitted──▶ live ──▶ over
 *     └──────────── resumed (reload) ─────────────────────────────────┴──────────┘
 *  stuck: this link leads nowhere; trouble: this camera does not open, Try again
 *  stills: the same way with a photo that was chosen in place of the camera
 * ```
 */
import type {
  Decision,
  Frozen,
  GuestView,
  Host as Organisation,
  Mark,
  Peek,
  Phase,
  PhotoRequest,
  Presence,
  Purpose,
  RequestId,
} from '../wire/types';
import {
  asksPhoto,
  canTake,
  inside,
  photoRequest,
  screen,
  type Host,
  type Over,
  type PhotoProblem,
  type State,
  type Stuck,
  type Trouble,
  type Verdict,
} from './state';

export * from './state';

export type Event =
  | { type: 'opened'; secret: boolean; verdict: Verdict; offline: boolean }
  /** `mine`: this device's key redeemed it. */
  | { type: 'peeked'; peek: Peek; mine: boolean }
  | { type: 'refused'; code: string; host?: Organisation | undefined }
  | { type: 'resumed'; view: GuestView }
  | { type: 'start' }
  | { type: 'cameraOpened' }
  | { type: 'cameraRefused'; trouble: Trouble }
  | { type: 'joined'; view: GuestView }
  | {
      type: 'told';
      /** Heard on two ways, and either may be the slower one; what a join answers is always new. */
      revision?: number;
      presence: Presence;
      phase: Phase;
      camera: boolean;
      photos: boolean;
      frozen?: Frozen | undefined;
      photo?: PhotoRequest | undefined;
      watchers?: string[];
    }
  | { type: 'following'; now: boolean }
  | { type: 'marks'; marks: readonly Mark[] }
  | { type: 'drawing'; name: string; now: boolean }
  | { type: 'cameraEnded' }
  | { type: 'cameraBack' }
  | { type: 'turnOff' }
  | { type: 'pause' }
  | { type: 'goOn' }
  | { type: 'backToCamera' }
  | { type: 'hidden'; now: boolean }
  | { type: 'offline'; now: boolean }
  | { type: 'tryNow' }
  | { type: 'tryAgain' }
  | { type: 'waitedLong' }
  | { type: 'keepWaiting' }
  | { type: 'textLater' }
  | { type: 'leave' }
  | { type: 'notMe' }
  | { type: 'askAgain' }
  | { type: 'useThisPhone' }
  | { type: 'feedback'; helped: boolean }
  | { type: 'allowPhoto' }
  | { type: 'refusePhoto' }
  | { type: 'photosOn' }
  | { type: 'photosOff' }
  /** Taken or chosen, and sealed. */
  | { type: 'photoKept' }
  | { type: 'photoFailed'; problem: PhotoProblem }
  | { type: 'photoPicked' }
  | { type: 'photoRead' }
  | { type: 'sendChosen' }
  | { type: 'dropChosen' }
  | { type: 'outbox'; waiting: number; sent: number; refused: number; answers: readonly RequestId[] }
  /** The server did not take what was decided here. */
  | { type: 'decisionRefused'; purpose: Purpose }
  | { type: 'done'; what: 'refuse' | 'again' | 'later' | 'feedback' }
  | { type: 'notDone' };

export type Effect =
  | { do: 'peek' }
  | { do: 'resume' }
  | { do: 'openCamera' }
  | { do: 'join'; takeOver: boolean }
  | { do: 'consent'; purpose: Purpose; decision: Decision }
  /** Once what was allowed is known to the server: take, seal, keep, send. */
  | { do: 'takePhoto'; request: RequestId }
  | { do: 'declinePhoto'; request: RequestId }
  /** Makes a JPEG of the file that was picked. */
  | { do: 'readPhoto' }
  | { do: 'sendChosen'; request?: RequestId }
  | { do: 'dropChosen' }
  | { do: 'refuse' }
  | { do: 'again' }
  | { do: 'later' }
  | { do: 'leave' }
  | { do: 'feedback'; helped: boolean }
  | { do: 'reload' }
  | { do: 'hurry' }
  /** The link is spent and not needed any more: out of the address bar. */
  | { do: 'forgetSecret' }
  /** The visit is over: the device's key dies. */
  | { do: 'forgetKey' };

export interface Step {
  state: State;
  effects: Effect[];
}

const nothing = (state: State): Step => ({ state, effects: [] });
const to = (state: State, change: Partial<State>, ...effects: Effect[]): Step => ({ state: { ...state, ...change }, effects });

/** One thing that happened. Never fails: what cannot be changes nothing. */
export function step(state: State, event: Event): Step {
  const next = decided(taken(state, event));
  const request = photoRequest(next.state);
  // What is allowed is not asked again: the photo is taken as soon as there is a picture to take.
  if (!request || !canTake(next.state) || asksPhoto(next.state)) return next;
  return {
    state: { ...next.state, answered: request.id, taking: true },
    effects: [...next.effects, { do: 'takePhoto', request: request.id }],
  };
}

/** What is sent as a decision holds here at once, whatever an older state says. */
function decided(next: Step): Step {
  const made = next.effects.flatMap((effect) => (effect.do === 'consent' ? [[effect.purpose, effect.decision === 'grant']] : []));
  if (made.length === 0) return next;
  return { ...next, state: { ...next.state, decided: { ...next.state.decided, ...Object.fromEntries(made) } } };
}

function taken(state: State, event: Event): Step {
  if (state.stage === 'over' && !isAfterword(event)) return nothing(state);
  switch (event.type) {
    case 'opened': {
      const { secret, verdict, offline } = event;
      return to(state, { secret, verdict, offline }, { do: secret ? 'peek' : 'resume' });
    }
    case 'peeked': {
      const { organisation, organisation_phone: phone = '', technician, words, wordings, used } = event.peek;
      const host = { organisation, phone, technician, words, ...consents(wordings) };
      if (used && !event.mine) return stuck({ ...state, host }, 'used');
      return asked({ ...state, host });
    }
    case 'refused':
      return refused(event.host ? { ...state, host: named(state.host, event.host) } : state, event.code);
    case 'resumed': {
      // Whose place was taken is not known any more, so this one left by itself.
      if (event.view.presence === 'left') return end(entered(state, event.view).state, 'left');
      const here = entered(state, event.view);
      if (here.state.stage === 'stuck' || here.state.stage === 'over') return here;
      // After a reload the camera is closed, and only a tap may open it.
      return to(here.state, { camera: 'stopped' }, ...here.effects);
    }
    case 'start':
      if (state.camera === 'opening' || state.camera === 'on' || (state.stage !== 'asked' && !inside(state))) {
        return nothing(state);
      }
      return to(
        without(state, 'trouble'),
        { camera: 'opening', switchedOff: false, failed: false },
        { do: 'openCamera' },
      );
    case 'cameraOpened':
      if (state.camera !== 'opening') return nothing(state);
      if (state.stage === 'asked') {
        return to(state, { stage: 'joining', camera: 'on', stills: false }, { do: 'join', takeOver: state.takeOver });
      }
      return to(
        state,
        { camera: 'on', paused: false, stills: false },
        ...(state.granted ? [] : [allow('camera')]),
      );
    case 'cameraRefused':
      if (state.camera !== 'opening') return nothing(state);
      return to(state, { camera: inside(state) ? 'stopped' : 'off', trouble: event.trouble });
    case 'joined': {
      if (state.stage !== 'joining') return nothing(state);
      const here = entered(state, event.view);
      const joined = to(here.state, { takeOver: false }, { do: 'forgetSecret' }, ...here.effects);
      if (!inside(here.state)) return joined;
      if (!state.stills) return to(joined.state, {}, ...joined.effects, ...(joined.state.granted ? [] : [allow('camera')]));
      return to({ ...joined.state, stills: true }, sending, ...joined.effects, allow('snapshots'), { do: 'sendChosen' });
    }
    case 'told':
      return told(state, event);
    case 'following':
      return to(state, { following: event.now });
    case 'marks':
      return to(state, { marks: event.marks });
    case 'drawing': {
      const others = state.drawing.filter((name) => name !== event.name);
      return to(state, { drawing: event.now ? [...others, event.name] : others });
    }
    case 'cameraEnded':
      return state.camera === 'on' ? to(state, { camera: 'stopped' }) : nothing(state);
    case 'cameraBack':
      return state.camera === 'stopped' && inside(state) ? to(state, { camera: 'on' }) : nothing(state);
    case 'turnOff':
      if (!inside(state) || state.switchedOff) return nothing(state);
      return to(
        state,
        { camera: 'off', switchedOff: true, paused: false, granted: false },
        { do: 'consent', purpose: 'camera', decision: 'revoke' },
      );
    case 'pause':
      return state.stage === 'live' && state.camera === 'on' ? to(state, { paused: true }) : nothing(state);
    case 'goOn':
      return to(state, { paused: false });
    case 'backToCamera':
      return state.frozen ? to(state, { dismissed_us: state.frozen.since_us }) : nothing(state);
    case 'hidden':
      return to(state, { hidden: event.now });
    case 'offline':
      return to(state, { offline: event.now }, ...(event.now ? [] : [{ do: 'hurry' } as const]));
    case 'tryNow':
      return to(state, {}, { do: 'hurry' });
    case 'tryAgain':
      // A denial lasts until the page is loaded anew, and its link is still in the address bar.
      if (state.trouble === 'denied' || state.trouble === 'blocked') return to(state, {}, { do: 'reload' });
      if (state.stage === 'loading') return to(without(state, 'trouble'), {}, { do: state.secret ? 'peek' : 'resume' });
      return step(without(state, 'trouble'), { type: 'start' });
    case 'waitedLong':
      return state.stage === 'waiting' ? to(state, { late: true }) : nothing(state);
    case 'keepWaiting':
      return to(state, { late: false });
    case 'textLater':
      return state.secret && state.stage === 'waiting' ? request(state, 'later') : nothing(state);
    case 'leave':
      if (!inside(state)) return nothing(state);
      return end(state, 'left', { do: 'leave' });
    case 'notMe':
      return state.stage === 'asked' ? request(state, 'refuse') : nothing(state);
    case 'askAgain':
      return state.stuck === 'expired' ? request(state, 'again') : nothing(state);
    case 'useThisPhone':
      if (state.stuck !== 'used') return nothing(state);
      if (!state.secret) return nothing(state);
      return onThisPhone(asked({ ...without(state, 'stuck'), takeOver: true }));
    case 'feedback': {
      const asked = screen(state) === 'over-finished' || screen(state) === 'over-left';
      if (!asked || !state.admitted || state.thanked || state.busy) return nothing(state);
      return to(state, { busy: true, failed: false }, { do: 'feedback', helped: event.helped });
    }
    case 'allowPhoto': {
      const request = photoRequest(state);
      if (!request || !asksPhoto(state)) return nothing(state);
      const change = { answered: request.id, taking: true, photos: true };
      return to(without(state, 'photoProblem'), change, allow('snapshots'), { do: 'takePhoto', request: request.id });
    }
    case 'refusePhoto': {
      const request = photoRequest(state);
      if (!request) return nothing(state);
      return to(without(state, 'photoProblem'), { answered: request.id }, { do: 'declinePhoto', request: request.id });
    }
    case 'photosOn':
      return inside(state) && !state.photos ? to(state, { photos: true }, allow('snapshots')) : nothing(state);
    case 'photosOff':
      if (!inside(state) || !state.photos) return nothing(state);
      return to(state, { photos: false }, { do: 'consent', purpose: 'snapshots', decision: 'revoke' });
    case 'photoKept':
      return to(without(state, 'photoProblem'), { taking: false });
    case 'photoFailed': {
      // The request is open again, and this time it is asked.
      const again = without(state, 'answered');
      return to(again, { taking: false, photoProblem: event.problem });
    }
    case 'photoPicked':
      if (state.stage !== 'asked' && !inside(state)) return nothing(state);
      return to(without(state, 'photoProblem'), { taking: true, failed: false }, { do: 'readPhoto' });
    case 'photoRead':
      if (!state.taking) return nothing(state);
      if (!inside(state) || !state.photos) return to(state, { taking: false, chosen: true, camera: closed(state) });
      return sendNow(state);
    case 'sendChosen':
      if (!state.chosen) return nothing(state);
      if (inside(state)) {
        const { state: sent, effects } = sendNow(state);
        return to(sent, { photos: true }, allow('snapshots'), ...effects);
      }
      if (state.stage !== 'asked') return nothing(state);
      return to(
        without(state, 'trouble'),
        { stage: 'joining', stills: true, failed: false, camera: closed(state) },
        { do: 'join', takeOver: state.takeOver },
      );
    case 'dropChosen':
      return state.chosen && state.stage !== 'joining'
        ? to(state, { chosen: false, stills: inside(state) && state.stills }, { do: 'dropChosen' })
        : nothing(state);
    case 'outbox': {
      const { waiting, sent, refused, answers } = event;
      const owing = state.owing || (state.stage === 'over' && waiting + refused > 0);
      return to(state, { outbox: { waiting, sent, refused }, answers, owing });
    }
    case 'decisionRefused': {
      const decided = { ...state.decided };
      delete decided[event.purpose];
      return to(state, { decided });
    }
    case 'done':
      if (event.what === 'feedback') return to(state, { busy: false, thanked: true });
      if (event.what === 'refuse') return end(state, 'not-me', { do: 'forgetSecret' });
      if (event.what === 'later') return end(state, 'later', { do: 'leave' });
      return end(state, 'asked-again');
    case 'notDone':
      return to(state, { busy: false, failed: true });
  }
}

/** All that can still happen when the visit is over. */
const isAfterword = (event: Event) =>
  event.type === 'feedback' ||
  event.type === 'outbox' || event.type === 'notDone' || (event.type === 'done' && event.what === 'feedback');

function asked(state: State): Step {
  const here: State = { ...state, stage: 'asked', offline: false };
  return nothing(state.verdict === 'fine' ? here : { ...here, trouble: state.verdict });
}

/** "Use this phone": the camera, unless a photo was chosen or this browser has none to give. */
function onThisPhone(next: Step): Step {
  return next.state.trouble || next.state.chosen ? next : step(next.state, { type: 'start' });
}

function stuck(state: State, why: Stuck): Step {
  return to(without(state, 'trouble'), { stage: 'stuck', stuck: why, camera: 'off', offline: false });
}

function end(state: State, over: Over, ...effects: Effect[]): Step {
  const last = { stage: 'over', over, camera: 'off', following: false, busy: false, failed: false } as const;
  const nothingAsked = { taking: false, chosen: false, owing: state.outbox.waiting + state.outbox.refused > 0 } as const;
  const rest = without(without(without(state, 'trouble'), 'frozen'), 'photo');
  return to(rest, { ...last, ...nothingAsked }, ...effects, { do: 'forgetKey' });
}

const allow = (purpose: Purpose): Effect => ({ do: 'consent', purpose, decision: 'grant' });

/** A chosen photo is on its way. */
const sending = { chosen: false, taking: true, photos: true };

/** A photo in place of the camera: one that is only asked for is not waited for. */
const closed = ({ camera }: State) => (camera === 'opening' ? 'off' : camera);

/** The chosen photo is sent, and answers what is asked, if anything is. */
function sendNow(state: State): Step {
  const request = photoRequest(state)?.id;
  const next = { ...without(state, 'trouble'), ...sending, camera: closed(state), stills: state.camera !== 'on' };
  return request === undefined
    ? to(next, {}, { do: 'sendChosen' })
    : to(next, { answered: request }, { do: 'sendChosen', request });
}

function request(state: State, what: 'refuse' | 'again' | 'later'): Step {
  return state.busy ? nothing(state) : to(state, { busy: true, failed: false }, { do: what });
}

/** The server said no, to whatever was asked. */
function refused(state: State, code: string): Step {
  switch (code) {
    case 'session-ended':
      return end(state, 'finished');
    case 'invite-expired':
      return stuck(state, 'expired');
    case 'invite-revoked':
      return stuck(state, 'revoked');
    case 'invite-used':
      return stuck(state, 'used');
    case 'unreachable':
      return to(state, { offline: true });
    case 'not-logged-in':
      // Inside, this device was known a moment ago: another one took its place. Outside it never was.
      return stuck(state, inside(state) ? 'used' : 'incomplete');
    case 'invite-unknown':
    case 'malformed':
    case 'invalid':
      return stuck(state, 'incomplete');
    default:
      // A fault of the server, or too many attempts: nothing was sent, and another try may do.
      if (state.chosen) return to(state, { stage: 'asked', stills: false, failed: true });
      return to(state, { trouble: 'failed', camera: 'off', stage: state.stage === 'joining' ? 'asked' : state.stage });
  }
}

/** Redeemed, or found again after a reload. */
function entered(state: State, view: GuestView): Step {
  const host = {
    organisation: view.organisation_name,
    phone: view.organisation_phone ?? '',
    technician: view.technician,
    words: view.words,
    ...consents(view.wordings),
  };
  const granted = view.grants.includes('camera');
  const photos = view.grants.includes('snapshots');
  const here: State = {
    ...without(state, 'stuck'),
    host,
    granted,
    offline: false,
    stage: 'waiting',
    watchers: [view.technician],
    // What was decided before was decided for another place.
    decided: {},
    // Somebody who allows photos and no camera sends photos.
    stills: photos && !granted,
  };
  return told(here, { type: 'told', presence: view.presence, phase: view.phase, camera: granted, photos });
}

function told(state: State, event: Extract<Event, { type: 'told' }>): Step {
  if (!inside(state)) return nothing(state);
  const { revision = state.revision } = event;
  if (revision < state.revision) return nothing(state);
  if (event.phase === 'ended') return end({ ...state, admitted: state.admitted || event.presence === 'admitted' }, 'finished');
  if (event.presence === 'declined') return end(state, 'declined');
  // Another phone took this one's place, and with it the link.
  if (event.presence === 'left') return stuck(state, 'used');
  const stage = event.presence === 'admitted' ? 'live' : 'waiting';
  const { camera = event.camera, snapshots: photos = event.photos } = state.decided;
  const decided = {
    ...(camera !== event.camera && { camera }),
    ...(photos !== event.photos && { snapshots: photos }),
  };
  const next: State = { ...without(without(state, 'frozen'), 'photo'), revision, stage, granted: camera, photos, decided };
  if (stage === 'live') next.admitted = true;
  if (event.watchers) next.watchers = event.watchers;
  if (stage === 'live') next.late = false;
  if (event.frozen) next.frozen = event.frozen;
  if (event.photo) next.photo = event.photo;
  return nothing(next);
}

function without<K extends 'stuck' | 'trouble' | 'frozen' | 'photo' | 'answered' | 'photoProblem'>(state: State, key: K): State {
  const next = { ...state };
  delete next[key];
  return next;
}

/** A refusal still says whose link it was. */
const named = (host: Host, { organisation, organisation_phone: phone = '' }: Organisation): Host => ({
  ...host,
  organisation,
  phone,
});

const consents = (wordings: Peek['wordings']) => {
  const of = (wanted: Purpose) => wordings.find(({ purpose }) => purpose === wanted)?.text ?? '';
  return { wording: of('camera'), photoWording: of('snapshots') };
};
