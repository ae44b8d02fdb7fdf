/**
 * From what the server and the pictures say to what the screen says. Pure: `now` is an argument.
 */
import { text } from '../../text';
import type { CameraPresence, InviteView, Participant, ParticipantId, SessionState } from '../../wire/types';
import { age, elapsed } from '../clock';

/** From this age on a picture is called weak, ms. */
export const WEAK_MS = 1_000;
/** From this age on it is greyed, ms. */
export const STALE_MS = 5_000;
/** "They said no." is read, and then it goes, ms. */
const REFUSAL_MS = 10_000;

export type Tone = 'ok' | 'warn' | 'danger' | 'accent' | 'quiet';

export interface Said {
  tone: Tone;
  text: string;
}

/** What is known of the camera on the stage. */
export interface Picture {
  /** What its device says; nothing before it said anything. */
  presence: CameraPresence | undefined;
  /** Age of the newest shown frame, ms; nothing before the first. */
  age_ms: number | undefined;
}

/** One look at everything the chip and the banner speak of. */
export interface Moment {
  state: SessionState;
  /** Whose camera is on the stage. */
  onStage: ParticipantId | undefined;
  picture: Picture | undefined;
  /** Whether this window itself holds the still. */
  holdsStill: boolean;
  /** Whether the server's messages flow. */
  serverFlows: boolean;
  /** Whether the realtime plane was lost. */
  mediaLost: boolean;
  /** Whether this window cannot show pictures any more. */
  viewerFailed: boolean;
  /** When somebody last said no to a photo, on this window's clock. */
  refused_us?: number | undefined;
  now_us: number;
}

// ---- people --------------------------------------------------------------------------------------------------------

export const guests = (state: SessionState): Participant[] =>
  state.participants.filter((person) => person.kind === 'guest');

/** Guests in the waiting room, first come first. */
export const arrivals = (state: SessionState): Participant[] =>
  guests(state).filter((guest) => guest.presence === 'waiting');

/** Guests whose pictures may be seen, first come first. */
export const admitted = (state: SessionState): Participant[] =>
  guests(state).filter((guest) => guest.presence === 'admitted');

/** A name for a guest that reveals nothing: their number in order of arrival, from 1. */
export function guestNumber(state: SessionState, id: ParticipantId): number {
  return guests(state).findIndex((guest) => guest.id === id) + 1;
}

export const nameOf = (state: SessionState, person: Participant): string =>
  person.kind === 'technician' ? person.name : text.people.guest(guestNumber(state, person.id));

/** Whose camera goes on the stage: the wanted one while it is there, else the still's, else the first. */
export function stageCamera(state: SessionState, wanted: ParticipantId | undefined): ParticipantId | undefined {
  const there = admitted(state);
  const has = (id: ParticipantId | undefined) => there.some((guest) => guest.id === id);
  if (has(wanted)) return wanted;
  if (has(state.frozen?.participant)) return state.frozen?.participant;
  return there[0]?.id;
}

/** The camera after `current` in the round of all. */
export function nextCamera(state: SessionState, current: ParticipantId | undefined): ParticipantId | undefined {
  const there = admitted(state);
  const at = there.findIndex((guest) => guest.id === current);
  return there[(at + 1) % there.length]?.id;
}

// ---- invites -------------------------------------------------------------------------------------------------------

export type InviteStep = 'none' | 'made' | 'opened' | 'joined' | 'refused' | 'expired' | 'again';

/** The link the screen speaks of: the newest. */
export const currentInvite = (invites: InviteView[]): InviteView | undefined => invites.at(-1);

export function inviteStep(invite: InviteView | undefined, now_us: number): InviteStep {
  if (!invite) return 'none';
  if (invite.redeemed_us !== undefined) return 'joined';
  if (invite.again_us !== undefined) return 'again';
  if (invite.revoked_us !== undefined) return 'refused';
  if (invite.expires_us <= now_us) return 'expired';
  return invite.opened_us === undefined ? 'made' : 'opened';
}

/** Whether the link could still let somebody in. */
export const isOpen = (invite: InviteView, now_us: number): boolean =>
  invite.redeemed_us === undefined && invite.revoked_us === undefined && invite.expires_us > now_us;

export const wordsOf = (invites: InviteView[], guest: ParticipantId): string =>
  invites.find((invite) => invite.participant === guest)?.words ?? '';

// ---- time ----------------------------------------------------------------------------------------------------------

/** How long the session is or was live, µs; nothing while nobody was admitted. */
export function liveFor(state: SessionState, now_us: number): number | undefined {
  const since = state.participants
    .filter((person) => person.kind === 'guest')
    .flatMap((guest) => guest.admitted_us ?? [])
    .reduce((a, b) => Math.min(a, b), Infinity);
  return since === Infinity ? undefined : Math.max(0, (state.ended?.at_us ?? now_us) - since);
}

// ---- what the screen says ------------------------------------------------------------------------------------------

/** The state chip. */
export function chip(moment: Moment): Said {
  const { state, picture, now_us } = moment;
  const say = text.live.chip;
  if (state.phase === 'ended') return { tone: 'quiet', text: say.ended };
  if (moment.onStage === undefined) {
    if (arrivals(state).length > 0) return { tone: 'accent', text: say.arriving };
    if (state.phase === 'live') return { tone: 'quiet', text: say.left };
    return { tone: 'quiet', text: say.waiting };
  }
  if (state.frozen) return { tone: 'accent', text: say.frozen(elapsed(now_us - state.frozen.since_us)) };
  if (state.participants.some((guest) => guest.id === moment.onStage && photosOnly(guest))) return { tone: 'ok', text: say.photosOnly };
  switch (picture?.presence) {
    case 'paused':
      return { tone: 'warn', text: say.paused };
    case 'hidden':
      return { tone: 'warn', text: say.hidden };
    case 'stopped':
    case 'off':
      return { tone: 'danger', text: say.stopped };
    case 'on':
    case undefined:
  }
  const since = picture?.age_ms;
  if (since === undefined) return { tone: 'quiet', text: say.connecting };
  if (since > STALE_MS) return { tone: 'danger', text: say.stale };
  if (since > WEAK_MS) return { tone: 'warn', text: say.weak };
  return { tone: 'ok', text: say.live };
}

/** Somebody who sends photos in place of a camera. */
const photosOnly = ({ grants }: Participant) => grants.includes('snapshots') && !grants.includes('camera');

/** The one sentence at the top of the stage that matters most now, if any does. */
export function banner(moment: Moment): Said | undefined {
  const { state, picture } = moment;
  const say = text.live.banner;
  if (state.phase === 'ended') return undefined;
  if (!moment.serverFlows) return { tone: 'danger', text: say.server };
  if (moment.onStage === undefined) {
    return state.phase === 'live' && arrivals(state).length === 0 ? { tone: 'quiet', text: say.left } : undefined;
  }
  if (moment.viewerFailed) return { tone: 'danger', text: say.failed };
  if (moment.mediaLost) return { tone: 'danger', text: say.media };
  const guest = state.participants.find((person) => person.id === moment.onStage);
  if (guest && !guest.grants.includes('camera')) {
    return photosOnly(guest) ? { tone: 'quiet', text: say.photosOnly } : { tone: 'warn', text: say.noConsent };
  }
  if (state.frozen) return moment.holdsStill ? undefined : { tone: 'accent', text: say.strangeStill };
  switch (picture?.presence) {
    case 'paused':
    case 'hidden':
    case 'stopped':
      return { tone: 'warn', text: say[picture.presence] };
    case 'off':
      return { tone: 'warn', text: say.off };
    case 'on':
    case undefined:
  }
  if (picture?.age_ms === undefined) return { tone: 'quiet', text: say.first };
  if (picture.age_ms > WEAK_MS) return { tone: 'warn', text: say.weak(age(picture.age_ms)) };
  return undefined;
}

/** What is said of a photo that was asked for: a second sentence beside the banner. */
export function photoBanner({ state, onStage, refused_us, now_us }: Moment): Said | undefined {
  if (state.phase === 'ended' || onStage === undefined) return undefined;
  if (state.photo?.participant === onStage) return { tone: 'accent', text: text.photos.asked };
  const fresh = refused_us !== undefined && now_us - refused_us < REFUSAL_MS * 1000;
  return fresh ? { tone: 'warn', text: text.photos.saidNo } : undefined;
}

/** How the picture on the stage is to be painted. */
export function dimming(picture: Picture | undefined): 'none' | 'dim' | 'grey' {
  if (picture?.age_ms === undefined) return 'none';
  if (picture.age_ms > STALE_MS) return 'grey';
  return picture.presence !== undefined && picture.presence !== 'on' ? 'dim' : 'none';
}

/** The network, in a word and a figure. */
export function network(picture: Picture | undefined): Said & { detail: string } {
  const say = text.live.network;
  if (picture?.age_ms === undefined) return { tone: 'quiet', text: say.none, detail: '' };
  const detail = say.age(age(picture.age_ms));
  if (picture.age_ms > STALE_MS) return { tone: 'danger', text: say.lost, detail };
  if (picture.age_ms > WEAK_MS) return { tone: 'warn', text: say.weak, detail };
  return { tone: 'ok', text: say.good, detail };
}
