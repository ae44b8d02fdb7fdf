/**
 * One parcel to the server: where it is, announce if it is new, part after part, and the receipt that lets it go. Resumes
 * wherever the server is; a part at the wrong place is asked about, not guessed.
 *
 * ```text
 *  HEAD ──not found──▶ POST ──▶ PATCH … PATCH ──▶ receipt, verified ──▶ done
 *    ▲                            │ offset-mismatch, lost, wrong digest
 *    └────────────────────────────┘ after a pause that grows
 * ```
 */
import { verifies } from '../../seal/receipt';
import { ProblemError } from '../../wire/api';
import { receipt } from '../../wire/guest';
import type { Receipt } from '../../wire/types';
import * as uploads from '../../wire/uploads';
import type { Parcel } from './outbox';

/** Bytes of a part: a thin link shows progress, and little is sent twice. Halved after each failure, down to the least. */
const PART = 256 * 1024;
const LEAST_PART = 32 * 1024;

/** The server as the sender needs it. */
export interface Post {
  offset: typeof uploads.offset;
  announce: typeof uploads.announce;
  sendPart: typeof uploads.sendPart;
  receipt: typeof receipt;
}

/**
 * What becomes of a parcel: `received` by a receipt that verifies; `refused` for good, so that keeping it helps nobody;
 * `locked-out` when this device is not known any more.
 */
export type Outcome = 'received' | 'refused' | 'locked-out';

/** Codes after which another try is pointless: the owner took the permission back, or the server will never take it. */
const FINAL = new Set([
  'no-consent',
  'not-admitted',
  'too-large',
  'invalid',
  'malformed',
  'forbidden',
  'method-not-allowed',
  'upload-version',
  'session-ended',
  'conflict',
]);

/** Tries until there is an outcome. `pause` waits before try number `attempt` (from 0). */
export async function send(
  parcel: Parcel,
  pause: (attempt: number) => Promise<void>,
  post: Post = { ...uploads, receipt },
): Promise<Outcome> {
  let attempt = 0;
  for (;;) {
    const progress = { made: false };
    try {
      await once(parcel, Math.max(LEAST_PART, PART >> attempt), progress, post);
      return 'received';
    } catch (error) {
      const { code } = error instanceof ProblemError ? error : new ProblemError('unexpected', 0);
      if (code === 'not-logged-in') return 'locked-out';
      if (FINAL.has(code)) return 'refused';
      if (progress.made) attempt = 0;
      // The server said where it is not; asking where it is costs little, the first time.
      if (code !== 'offset-mismatch' || attempt > 0) await pause(attempt);
    }
    attempt += 1;
  }
}

async function once(parcel: Parcel, size: number, progress: { made: boolean }, post: Post): Promise<void> {
  const { object, sealed, sha256, seal, request } = parcel;
  let at = await whereabouts(parcel, post);
  if (at === undefined) {
    await post.announce({ object, bytes: sealed.length, sha256, seal, request });
    at = 0;
  }
  while (at < sealed.length) {
    const next = await post.sendPart(object, at, new Blob([sealed.subarray(at, at + size)]));
    if (next <= at || next > sealed.length) throw new ProblemError('unexpected', 0);
    at = next;
    progress.made = true;
  }
  const said = await receiptOf(object, post);
  const sent = { ...parcel, bytes: sealed.length };
  if (!(await verifies(said, sent, parcel.receipt_key))) throw new ProblemError('unexpected', 0);
}

/** The receipt. A conflict says that the object is not whole over there: asked again where it is. */
async function receiptOf(object: string, post: Post): Promise<Receipt> {
  try {
    return await post.receipt(object);
  } catch (error) {
    if (error instanceof ProblemError && error.code === 'conflict') throw new ProblemError('offset-mismatch', error.status);
    throw error;
  }
}

/** How much the server has of it; `undefined` when it was never announced. */
async function whereabouts({ object }: Parcel, post: Post): Promise<number | undefined> {
  try {
    return await post.offset(object);
  } catch (error) {
    if (error instanceof ProblemError && error.code === 'not-found') return undefined;
    throw error;
  }
}
