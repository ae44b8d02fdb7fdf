/**
 * The patient's visit as a pure machine: what happened in, the next state and one-shot effects out. What must hold for as
 * long as a state lasts (events open, camera open, screen awake) is not an effect but read from the state: [`wants`].
 *
 * ```text
 *  loading ──peeked──▶ asked ──Start camera──▶ joining ──joined──▶ waiting ──admitted──▶ live ──▶ over
 *     └──────────── resumed (reload) ─────────────────────────────────┴──────────┘
 *  stuck: this link leads nowhere; trouble: this camera does not open, Try again
 * ```
 */
import type { CameraPresence, Frozen, GuestView, Host as Organisation, Peek, Phase, Presence } from '../wire/types';

/** What every screen names. Empty before it is known. */
export interface Host {
  organisation: string;
  /** The number to call, as it was typed. */
  phone: string;
  technician: string;
  words: string;
  /** The words of the camera's consent, shown as they are. */
  wording: string;
}

export type Stage = 'loading' | 'asked' | 'joining' | 'waiting' | 'live' | 'stuck' | 'over';
/** Why the link leads nowhere. */
export type Stuck = 'expired' | 'used' | 'revoked' | 'incomplete';
/** How the visit came to its end. */
export type Over = 'finished' | 'left' | 'declined' | 'not-me' | 'later' | 'asked-again';
/** Why the camera did not open. */
export type Trouble = 'denied' | 'blocked' | 'in-app' | 'old-browser' | 'in-use' | 'failed';
/** What is known of the browser before anything is asked of it. */
export type Verdict = 'fine' | 'in-app' | 'old-browser';

export interface State {
  stage: Stage;
  host: Host;
  stuck?: Stuck;
  over?: Over;
  trouble?: Trouble;
  verdict: Verdict;
  camera: 'off' | 'opening' | 'on' | 'stopped';
  /** Turned off by its owner: nothing has to be started again. */
  switchedOff: boolean;
  paused: boolean;
  hidden: boolean;
  offline: boolean;
  /** The server knows a grant for the camera. */
  granted: boolean;
  takeOver: boolean;
  /** Was let in: can say whether it helped. */
  admitted: boolean;
  /** Said whether it helped. */
  thanked: boolean;
  /** The link's secret is at hand: a new text can be asked for. */
  secret: boolean;
  /** Nobody came for three minutes. */
  late: boolean;
  /** The session's state comes over the realtime plane. */
  following: boolean;
  /** First names of those who see the camera. */
  watchers: string[];
  /** The moment of one's own camera that the technician froze. */
  frozen?: Frozen;
  /** "Back to camera" was pressed for this still. */
  dismissed_us?: number;
  /** A button's request is on its way. */
  busy: boolean;
  /** The last request failed; said in words until the next one. */
  failed: boolean;
}

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
  | { type: 'told'; presence: Presence; phase: Phase; camera: boolean; frozen?: Frozen | undefined; watchers?: string[] }
  | { type: 'following'; now: boolean }
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
  | { type: 'done'; what: 'refuse' | 'again' | 'later' | 'feedback' }
  | { type: 'notDone' };

export type Effect =
  | { do: 'peek' }
  | { do: 'resume' }
  | { do: 'openCamera' }
  | { do: 'join'; takeOver: boolean }
  | { do: 'consent'; decision: 'grant' | 'revoke' }
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

export const initial: State = {
  stage: 'loading',
  host: { organisation: '', phone: '', technician: '', words: '', wording: '' },
  verdict: 'fine',
  camera: 'off',
  switchedOff: false,
  paused: false,
  hidden: false,
  offline: false,
  granted: false,
  takeOver: false,
  admitted: false,
  thanked: false,
  secret: false,
  late: false,
  following: false,
  watchers: [],
  busy: false,
  failed: false,
};

/** What must hold while this state lasts. */
export interface Wants {
  /** Server-sent events. */
  events: boolean;
  realtime: boolean;
  camera: boolean;
  awake: boolean;
  /** The three minutes of the waiting room run. */
  patience: boolean;
  presence: CameraPresence;
}

export function wants(state: State): Wants {
  const inside = state.stage === 'waiting' || state.stage === 'live';
  return {
    events: inside && !state.following,
    realtime: state.stage === 'live',
    camera: (inside || state.stage === 'joining' || state.stage === 'asked') && !state.switchedOff,
    awake: inside && state.camera === 'on',
    patience: state.stage === 'waiting' && !state.late,
    presence: presence(state),
  };
}

/** What others are told of the camera. */
function presence(state: State): CameraPresence {
  if (state.switchedOff || state.camera === 'off') return 'off';
  if (state.camera !== 'on') return 'stopped';
  if (state.hidden) return 'hidden';
  return state.paused ? 'paused' : 'on';
}

export type Screen =
  | 'loading'
  | 'ask'
  | 'waiting'
  | 'live'
  | 'paused'
  | 'stopped'
  | 'offline'
  | `stuck-${Stuck}`
  | `trouble-${Trouble}`
  | `over-${Over}`;

/** The one screen that says where the visit is. */
export function screen(state: State): Screen {
  if (state.stage === 'over') return `over-${state.over ?? 'finished'}`;
  if (state.stage === 'stuck' && !state.offline) return `stuck-${state.stuck ?? 'incomplete'}`;
  if (state.trouble) return `trouble-${state.trouble}`;
  // Inside, the own picture stays and a notice says it.
  if (state.offline && !inside(state)) return 'offline';
  if (state.stage === 'loading' || state.stage === 'stuck') return 'loading';
  if (state.stage === 'asked' || state.stage === 'joining') return 'ask';
  if (state.stage === 'waiting' && (state.camera === 'on' || state.switchedOff)) return 'waiting';
  if (state.camera !== 'on') return 'stopped';
  if (state.stage === 'waiting') return 'waiting';
  return state.paused ? 'paused' : 'live';
}

/** The still that both look at, unless its owner went back to the camera. */
export function stillOf(state: State): Frozen | undefined {
  return state.frozen && state.frozen.since_us !== state.dismissed_us ? state.frozen : undefined;
}

const nothing = (state: State): Step => ({ state, effects: [] });
const to = (state: State, change: Partial<State>, ...effects: Effect[]): Step => ({ state: { ...state, ...change }, effects });
const inside = (state: State) => state.stage === 'waiting' || state.stage === 'live';

/** One thing that happened. Never fails: what cannot be changes nothing. */
export function step(state: State, event: Event): Step {
  if (state.stage === 'over' && !isAfterword(event)) return nothing(state);
  switch (event.type) {
    case 'opened': {
      const { secret, verdict, offline } = event;
      return to(state, { secret, verdict, offline }, { do: secret ? 'peek' : 'resume' });
    }
    case 'peeked': {
      const { organisation, organisation_phone: phone = '', technician, words, wordings, used } = event.peek;
      const host = { organisation, phone, technician, words, wording: cameraWording(wordings) };
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
        return to(state, { stage: 'joining', camera: 'on' }, { do: 'join', takeOver: state.takeOver });
      }
      return to(
        state,
        { camera: 'on', paused: false },
        ...(state.granted ? [] : [{ do: 'consent', decision: 'grant' } as const]),
      );
    case 'cameraRefused':
      if (state.camera !== 'opening') return nothing(state);
      return to(state, { camera: inside(state) ? 'stopped' : 'off', trouble: event.trouble });
    case 'joined': {
      if (state.stage !== 'joining') return nothing(state);
      const here = entered(state, event.view);
      const grant = here.state.granted || !inside(here.state) ? [] : [{ do: 'consent', decision: 'grant' } as const];
      return to(here.state, { takeOver: false }, { do: 'forgetSecret' }, ...here.effects, ...grant);
    }
    case 'told':
      return told(state, event);
    case 'following':
      return to(state, { following: event.now });
    case 'cameraEnded':
      return state.camera === 'on' ? to(state, { camera: 'stopped' }) : nothing(state);
    case 'cameraBack':
      return state.camera === 'stopped' && inside(state) ? to(state, { camera: 'on' }) : nothing(state);
    case 'turnOff':
      if (!inside(state) || state.switchedOff) return nothing(state);
      return to(
        state,
        { camera: 'off', switchedOff: true, paused: false, granted: false },
        { do: 'consent', decision: 'revoke' },
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
      return step({ ...asked(without(state, 'stuck')).state, takeOver: true }, { type: 'start' });
    case 'feedback': {
      const asked = screen(state) === 'over-finished' || screen(state) === 'over-left';
      if (!asked || !state.admitted || state.thanked || state.busy) return nothing(state);
      return to(state, { busy: true, failed: false }, { do: 'feedback', helped: event.helped });
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
  event.type === 'feedback' || event.type === 'notDone' || (event.type === 'done' && event.what === 'feedback');

function asked(state: State): Step {
  const here: State = { ...state, stage: 'asked', offline: false };
  return nothing(state.verdict === 'fine' ? here : { ...here, trouble: state.verdict });
}

function stuck(state: State, why: Stuck): Step {
  return to(without(state, 'trouble'), { stage: 'stuck', stuck: why, camera: 'off', offline: false });
}

function end(state: State, over: Over, ...effects: Effect[]): Step {
  const last = { stage: 'over', over, camera: 'off', following: false, busy: false, failed: false } as const;
  return to(without(without(state, 'trouble'), 'frozen'), last, ...effects, { do: 'forgetKey' });
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
    wording: cameraWording(view.wordings),
  };
  const granted = view.grants.includes('camera');
  const here: State = {
    ...without(state, 'stuck'),
    host,
    granted,
    offline: false,
    stage: 'waiting',
    watchers: [view.technician],
  };
  return told(here, { type: 'told', presence: view.presence, phase: view.phase, camera: granted });
}

function told(state: State, event: Extract<Event, { type: 'told' }>): Step {
  if (!inside(state)) return nothing(state);
  if (event.phase === 'ended') return end({ ...state, admitted: state.admitted || event.presence === 'admitted' }, 'finished');
  if (event.presence === 'declined') return end(state, 'declined');
  // Another phone took this one's place, and with it the link.
  if (event.presence === 'left') return stuck(state, 'used');
  const stage = event.presence === 'admitted' ? 'live' : 'waiting';
  const next: State = { ...without(state, 'frozen'), stage, granted: event.camera };
  if (stage === 'live') next.admitted = true;
  if (event.watchers) next.watchers = event.watchers;
  if (stage === 'live') next.late = false;
  if (event.frozen) next.frozen = event.frozen;
  return nothing(next);
}

function without<K extends 'stuck' | 'trouble' | 'frozen'>(state: State, key: K): State {
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

const cameraWording = (wordings: Peek['wordings']) => wordings.find(({ purpose }) => purpose === 'camera')?.text ?? '';
