/**
 * The note's life while it is written: typed, saved after a pause, in conflict with another window, failed and tried
 * again. A machine without clock or network: it says what to send, and is told what came of it.
 */
import type { Note } from '../../wire/types';

export type DraftState = 'loading' | 'saved' | 'dirty' | 'saving' | 'failed' | 'conflict';

export interface Draft {
  state: DraftState;
  /** What stands in the field. */
  text: string;
  /** What the server holds, as far as is known here. */
  base: Note;
  /** What is under way. */
  sent: string | undefined;
  /** The other version, in a conflict. */
  theirs: Note | undefined;
}

export const empty = (): Draft => ({ state: 'loading', text: '', base: { text: '', revision: 0 }, sent: undefined, theirs: undefined });

/** The note as it is on the server, first read. */
export const loaded = (note: Note): Draft => ({ ...empty(), state: 'saved', text: note.text, base: note });

/** The field changed. */
export function typed(draft: Draft, text: string): Draft {
  if (draft.state === 'loading') return draft;
  if (draft.state === 'conflict' || draft.state === 'saving') return { ...draft, text };
  return { ...draft, text, state: text === draft.base.text ? 'saved' : 'dirty' };
}

/** Whether a save is due, once typing pauses. */
export const wants = (draft: Draft): boolean => draft.state === 'dirty' || draft.state === 'failed';

/** A save begins: send `sent` over `base.revision`. */
export const sending = (draft: Draft): Draft => ({ ...draft, state: 'saving', sent: draft.text });

/** It was taken. What was typed meanwhile is to be saved next. */
export function taken(draft: Draft, revision: number): Draft {
  const base = { text: draft.sent ?? draft.text, revision };
  return { ...draft, base, sent: undefined, state: draft.text === base.text ? 'saved' : 'dirty' };
}

/** It did not arrive; the text stays and is sent again. */
export const failed = (draft: Draft): Draft => ({ ...draft, state: 'failed', sent: undefined });

/** Another window wrote first. Equal texts are no conflict. */
export function conflicted(draft: Draft, theirs: Note): Draft {
  if (theirs.text === draft.text) return loaded(theirs);
  return { ...draft, state: 'conflict', sent: undefined, theirs };
}

/** "Keep mine": write over the other version. */
export const keptMine = (draft: Draft): Draft =>
  draft.theirs ? { ...draft, state: 'dirty', base: draft.theirs, theirs: undefined } : draft;

/** "Take the other": drop what stands in the field. */
export const tookTheirs = (draft: Draft): Draft => (draft.theirs ? loaded(draft.theirs) : draft);

/** Whether leaving now would lose something. */
export const atRisk = (draft: Draft): boolean => draft.state !== 'saved' && draft.state !== 'loading';
