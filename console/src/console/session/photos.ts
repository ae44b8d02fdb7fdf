/** Kept pictures as the screen speaks of them, computed from the session's state alone. */
import type { ObjectId, ParticipantId, SessionState, SnapshotState } from '../../wire/types';

/** Where a photo is on its way from the phone. */
export type Way = { at: 'phone' } | { at: 'sending'; percent: number } | { at: 'stored' };

export function wayOf({ bytes, received, stored_us }: SnapshotState): Way {
  if (stored_us !== undefined) return { at: 'stored' };
  if (received <= 0 || bytes <= 0) return { at: 'phone' };
  // All bytes are there and not yet checked: that is not stored.
  return { at: 'sending', percent: Math.min(99, Math.floor((received / bytes) * 100)) };
}

export const snapshotsOf = (state: SessionState): SnapshotState[] => state.snapshots ?? [];

/** Photos that were announced and are not stored yet. */
export const unsent = (state: SessionState): SnapshotState[] =>
  snapshotsOf(state).filter(({ stored_us }) => stored_us === undefined);

/** The one that the server stored last. */
export const lastStored = (state: SessionState): SnapshotState | undefined =>
  snapshotsOf(state)
    .filter(({ stored_us }) => stored_us !== undefined)
    .sort((a, b) => (a.stored_us ?? 0) - (b.stored_us ?? 0))
    .at(-1);

/** Its number in the order they were announced, from 1. */
export const photoNumber = (state: SessionState, id: ObjectId): number =>
  snapshotsOf(state).findIndex((one) => one.id === id) + 1;

/**
 * Whether the guest who was asked in `before` said no: the request is gone, nothing answers it, and they are still here and
 * were not asked anew.
 */
export function saidNo(before: SessionState, after: SessionState): ParticipantId | undefined {
  const asked = before.photo;
  if (!asked || after.photo || after.phase === 'ended') return undefined;
  if (snapshotsOf(after).some(({ request }) => request === asked.id)) return undefined;
  const here = after.participants.some(({ id, presence }) => id === asked.participant && presence === 'admitted');
  return here ? asked.participant : undefined;
}
