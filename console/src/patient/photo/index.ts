/**
 * Photos of a visit: read or take, seal, keep, send. Loaded when the first one is wanted, or when one was left over.
 *
 * ```text
 *  camera or file ──▶ JPEG ──▶ sealed under a key of its own, that to the session ──▶ outbox ──▶ server ──receipt──▶ gone
 * ```
 * What leaves this module is ciphertext; the key of a photo is forgotten once it is sealed.
 */
import { KEY, seal } from '../../seal/container';
import { encodeHeader, fromBase64url, hex, sha256 } from '../../seal/encoding';
import { sealKey } from '../../seal/hpke';
import { PURPOSE, encodeSnapshot } from '../../seal/snapshot';
import { identifier } from '../../wire/id';
import { backoffMs } from '../../wire/stream';
import type { GuestView, SnapshotAbout } from '../../wire/types';
import { measurePhoto } from '../measure';
import type { Jpeg } from './jpeg';
import { Outbox, type Kept, type Parcel } from './outbox';
import { send } from './send';

export { readPicture, type Jpeg } from './jpeg';
export { takeStill } from './take';

/** Nothing of a session is taken so long after its end, ms (`limits::LATE_UPLOAD_SECONDS`). */
const LATE_MS = 7 * 24 * 3_600_000;

export interface PhotosEvents {
  onOutbox: (outbox: OutboxNews) => void;
  /** The server will never take the photo that answers this request. */
  onRefused: (request: string | undefined) => void;
}

/** Photos kept here and the requests they answer, and what became of others since the page was opened. */
export interface OutboxNews {
  waiting: number;
  sent: number;
  refused: number;
  answers: readonly string[];
}

export class Photos {
  private readonly outbox = new Outbox();
  private sent = 0;
  private refused = 0;
  private running = false;
  private again = false;
  private hurryUp: () => void = () => undefined;

  /** Where this device has its place; unknown to a page that was opened again long after the end. */
  view: GuestView | undefined;

  constructor(private readonly events: PhotosEvents) {
    addEventListener('online', () => {
      this.hurry();
    });
  }

  /** Seals a picture for the session of `view` and keeps it; it is sent from then on, whatever happens to this page. */
  async keep(view: GuestView, jpeg: Jpeg, about: Omit<SnapshotAbout, 'v' | 'width' | 'height'>, request?: string): Promise<void> {
    this.view = view;
    // Asked again after a reload: the answer is here already.
    if (request !== undefined && (await this.outbox.all()).parcels.some((parcel) => parcel.request === request)) {
      void this.send();
      return;
    }
    const { organisation, session, seal_key, receipt_key } = view;
    const { bytes, width, height } = jpeg;
    const plaintext = encodeSnapshot({ v: 1, ...about, width, height }, bytes);
    const object = identifier('obj');
    const header = encodeHeader({ organisation, session, object, purpose: PURPOSE });
    const key = crypto.getRandomValues(new Uint8Array(KEY));
    const sealed = await seal(key, header, plaintext);
    const parcel: Parcel = {
      object,
      organisation,
      session,
      request,
      sealed,
      sha256: await sha256(sealed),
      seal: await sealKey(fromBase64url(seal_key), header, key),
      receipt_key,
      kept_ms: Date.now(),
    };
    key.fill(0);
    await this.outbox.keep(parcel);
    measurePhoto({ object, bytes: plaintext.length, sha256: hex(await sha256(plaintext)), receipt_verified: false });
    void this.send();
  }

  /** Sends what there is, one after the other, for as long as the page lives. */
  async send(): Promise<void> {
    this.again = true;
    if (this.running) {
      await this.tell();
      return;
    }
    this.running = true;
    const lockedOut = new Set<string>();
    while (this.again) {
      this.again = false;
      for (const parcel of (await this.mine()).parcels) {
        if (lockedOut.has(parcel.object)) continue;
        await this.tell();
        const outcome = await send(parcel, (attempt) => this.pause(attempt));
        if (outcome === 'locked-out') {
          lockedOut.add(parcel.object);
          continue;
        }
        if (outcome === 'received') {
          this.sent += 1;
          measurePhoto({ object: parcel.object, receipt_verified: true });
        }
        await this.outbox.drop(parcel.object);
        if (outcome === 'refused') {
          this.refused += 1;
          this.events.onRefused(parcel.request);
        }
      }
    }
    this.running = false;
    await this.tell();
  }

  /** Tries again at once. */
  hurry(): void {
    this.hurryUp();
  }

  private async tell(): Promise<void> {
    const { sent, refused } = this;
    const { parcels, whole } = await this.mine();
    // A storage that does not answer is not an empty one.
    if (!whole && parcels.length === 0) return;
    const answers = parcels.flatMap(({ request }) => request ?? []);
    this.events.onOutbox({ waiting: parcels.length, sent, refused, answers });
  }

  /**
   * Those of this session, or of the last one. Others belong to a place that this device no longer has: the server would not
   * know them, and they go when their time is over.
   */
  private async mine(): Promise<Kept> {
    const { parcels: all, whole } = await this.outbox.all();
    for (const { object, kept_ms } of all) if (Date.now() - kept_ms > LATE_MS) await this.outbox.drop(object);
    const here = this.view?.session ?? all.at(-1)?.session;
    return { parcels: all.filter(({ session, kept_ms }) => session === here && Date.now() - kept_ms <= LATE_MS), whole };
  }

  private pause(attempt: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, backoffMs(attempt));
      this.hurryUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
