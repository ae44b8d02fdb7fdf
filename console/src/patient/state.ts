/**
 * What is known of the patient's visit, and what follows from it alone: what must hold while a state lasts ([`wants`]), and
 * the one screen that says where the visit is ([`screen`]). How one state becomes the next is in `machine.ts`.
 */
import { samePicture } from '../marks/picture';
import type { CameraPresence, Frozen, Mark, PhotoRequest, Purpose, RequestId } from '../wire/types';

/** What every screen names. Empty before it is known. */
export interface Host {
  organisation: string;
  /** The number to call, as it was typed. */
  phone: string;
  technician: string;
  words: string;
  /** The words of the camera's consent, shown as they are. */
  wording: string;
  /** The words of the consent to photos. */
  photoWording: string;
}

export type Stage = 'loading' | 'asked' | 'joining' | 'waiting' | 'live' | 'stuck' | 'over';
/** Why the link leads nowhere. */
export type Stuck = 'expired' | 'used' | 'revoked' | 'incomplete';
/** How the visit came to its end. */
export type Over = 'finished' | 'left' | 'declined' | 'not-me' | 'later' | 'asked-again';
/** Why the camera did not open. */
export type Trouble = 'denied' | 'blocked' | 'in-app' | 'old-browser' | 'in-use' | 'failed';
/** Why there is no photo. */
export type PhotoProblem = 'unreadable' | 'failed';
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
  /** Of the session's newest state. */
  revision: number;
  /** First names of those who see the camera. */
  watchers: string[];
  /** The moment of one's own camera that the technician froze. */
  frozen?: Frozen;
  /** "Back to camera" was pressed for this still. */
  dismissed_us?: number;
  /** The server knows a grant for photos. */
  photos: boolean;
  /** What was decided here and the server does not show yet: until then a state from before the decision is not believed. */
  decided: Partial<Record<Purpose, boolean>>;
  /** The visit is made of photos that their owner chooses; no camera is opened. */
  stills: boolean;
  /** The photo this guest is asked for. */
  photo?: PhotoRequest;
  /** The request that was answered on this page: it is never answered twice. */
  answered?: RequestId;
  /** Requests whose photo is in the outbox, also from before a reload. */
  answers: readonly RequestId[];
  /** A picture is being taken, or one that was chosen is being read. */
  taking: boolean;
  /** A picture was chosen and waits for "Yes". */
  chosen: boolean;
  photoProblem?: PhotoProblem;
  /** Photos on this device that the server does not have yet, how many it has got since the page was opened, and refused. */
  outbox: { waiting: number; sent: number; refused: number };
  /** Photos were still on their way when the visit was over. */
  owing: boolean;
  /** What is drawn on one's own camera. */
  marks: readonly Mark[];
  /** First names of those who are drawing on it now. */
  drawing: string[];
  /** A button's request is on its way. */
  busy: boolean;
  /** The last request failed; said in words until the next one. */
  failed: boolean;
}

export const initial: State = {
  stage: 'loading',
  host: { organisation: '', phone: '', technician: '', words: '', wording: '', photoWording: '' },
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
  revision: 0,
  watchers: [],
  marks: [],
  drawing: [],
  photos: false,
  decided: {},
  answers: [],
  stills: false,
  taking: false,
  chosen: false,
  outbox: { waiting: 0, sent: 0, refused: 0 },
  owing: false,
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
    camera:
      (inside || state.stage === 'joining' || state.stage === 'asked') &&
      state.camera !== 'off' &&
      (!state.stills || state.camera === 'opening'),
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
  | 'photo'
  | 'photos'
  | 'offline'
  | `stuck-${Stuck}`
  | `trouble-${Trouble}`
  | `over-${Over}`;

/** The one screen that says where the visit is. */
export function screen(state: State): Screen {
  if (state.stage === 'over') return `over-${state.over ?? 'finished'}`;
  if (state.stage === 'stuck' && !state.offline) return `stuck-${state.stuck ?? 'incomplete'}`;
  if (state.chosen) return 'photo';
  if (state.trouble) return `trouble-${state.trouble}`;
  // Inside, the own picture stays and a notice says it.
  if (state.offline && !inside(state)) return 'offline';
  if (state.stage === 'loading' || state.stage === 'stuck') return 'loading';
  if (state.stage === 'asked' || state.stage === 'joining') return 'ask';
  if (state.stills) return 'photos';
  if (state.stage === 'waiting' && (state.camera === 'on' || state.switchedOff)) return 'waiting';
  if (state.camera !== 'on') return 'stopped';
  if (state.stage === 'waiting') return 'waiting';
  return state.paused ? 'paused' : 'live';
}

/** The still that both look at, unless its owner went back to the camera. */
export function stillOf(state: State): Frozen | undefined {
  return state.frozen && state.frozen.since_us !== state.dismissed_us ? state.frozen : undefined;
}

/** The marks that belong on the still: those that were drawn on its picture. */
export const marksOn = (state: State, { frame_us }: Frozen): Mark[] =>
  state.marks.filter(({ capture_us }) => samePicture(capture_us, frame_us));

/** The request that is open and was not answered on this device. */
export function photoRequest({ photo, answered, answers }: State): PhotoRequest | undefined {
  return photo && photo.id !== answered && !answers.includes(photo.id) ? photo : undefined;
}

/** Whether S4 is asked now: a photo is wanted of a camera that is on, and nothing allows it yet (or it failed). */
export function asksPhoto(state: State): boolean {
  return canTake(state) && (!state.photos || state.photoProblem !== undefined);
}

/** Whether a photo is wanted of a camera that shows something now. */
export const canTake = (state: State) =>
  photoRequest(state) !== undefined && screen(state) === 'live' && presence(state) === 'on' && !state.taking;

/** Whether the photo of `request` is still wanted, of a camera that others are shown now. */
export const mayTake = (state: State, request: RequestId) => presence(state) === 'on' && state.photo?.id === request;

/** Whether this guest has a place in the session. */
export const inside = (state: State) => state.stage === 'waiting' || state.stage === 'live';
