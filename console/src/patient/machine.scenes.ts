/** What the machine's tests begin with: City Clinic, Sam, and the ways in. */
import type { GuestView, Peek, Wording } from '../wire/types';
import { initial, screen, step, type Effect, type Event, type State } from './machine';

const wordings: Wording[] = [
  { purpose: 'camera', language: 'en', text: 'Sam will see what your phone sees.' },
  { purpose: 'snapshots', language: 'en', text: 'Sam wants to take a photo.' },
];
export const peek: Peek = {
  organisation: 'City Clinic',
  organisation_phone: '+1 555 0100',
  technician: 'Sam',
  words: 'river lemon',
  expires_us: 1,
  used: false,
  wordings,
};
export const view: GuestView = {
  organisation: 'org_1',
  organisation_name: 'City Clinic',
  session: 'ses_1',
  participant: 'par_1',
  technician: 'Sam',
  words: 'river lemon',
  presence: 'waiting',
  phase: 'waiting',
  grants: [],
  wordings,
  seal_key: '',
  receipt_key: '',
};

type Told = Extract<Event, { type: 'told' }>;
/** The server's state of a guest with a camera who waits. */
export const told = (change: Partial<Told> = {}): Told => ({
  type: 'told',
  presence: 'waiting',
  phase: 'waiting',
  camera: true,
  photos: false,
  ...change,
});
/** The same of one who was let in. */
export const toldLive = (change: Partial<Told> = {}): Told => told({ presence: 'admitted', phase: 'live', ...change });

/** Where a row of events leads from the beginning, and the effects of its last one. */
export function after(...events: Event[]): { state: State; effects: Effect[] } {
  let state = initial;
  let effects: Effect[] = [];
  for (const event of events) ({ state, effects } = step(state, event));
  return { state, effects };
}
export const screenAfter = (...events: Event[]) => screen(after(...events).state);
export const effectsOf = (...events: Event[]) => after(...events).effects;

export const opened = { type: 'opened', secret: true, verdict: 'fine', offline: false } satisfies Event;
export const ask: Event[] = [opened, { type: 'peeked', peek, mine: false }];
export const joining: Event[] = [...ask, { type: 'start' }, { type: 'cameraOpened' }];
export const waiting: Event[] = [...joining, { type: 'joined', view }, told()];
export const live: Event[] = [...waiting, toldLive()];
