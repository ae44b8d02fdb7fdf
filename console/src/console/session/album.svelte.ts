/**
 * Photos that were opened in this window: in memory only, and gone with the page. Opening one is an entry of the log, so
 * nothing is opened that nobody asked for, and nothing twice.
 */
import { tick } from 'svelte';
import { SvelteSet } from 'svelte/reactivity';
import { hex, sha256 } from '../../seal/encoding';
import { readBytes } from '../../wire/snapshots';
import * as staff from '../../wire/staff';
import type { ObjectId, SessionId, SnapshotAbout } from '../../wire/types';
import { account } from '../account.svelte';
import { measureSnapshot } from '../measure';
import { sentence } from '../problems';
import { text } from '../../text';
import { SNAPSHOT_BYTES, decodeSnapshot } from './snapshot-format';

export interface OpenPhoto {
  object: ObjectId;
  about: SnapshotAbout;
  /** Address of the JPEG inside this page. */
  url: string;
}

export class Album {
  photos = $state.raw<Readonly<Record<ObjectId, OpenPhoto>>>({});
  /** What is being opened. */
  readonly opening = new SvelteSet<ObjectId>();
  /** What last went wrong, for people. */
  problem = $state('');
  /** The one that is looked at. */
  shown = $state.raw<OpenPhoto>();

  readonly #session: SessionId;
  #closed = false;
  #wanted: ObjectId | undefined;

  constructor(session: SessionId) {
    this.#session = session;
  }

  /** Opens a photo large, unless another one was asked for meanwhile. */
  show = async (object: ObjectId): Promise<void> => {
    this.#wanted = object;
    const photo = await this.open(object);
    if (photo && this.#wanted === object) this.shown = photo;
  };

  /** Closes it; the focus goes back to where it was opened. */
  hide = async (): Promise<void> => {
    const tile = `photo-${this.shown?.object ?? ''}`;
    this.#wanted = undefined;
    this.shown = undefined;
    await tick();
    document.getElementById(tile)?.focus();
  };

  /** Gives the photo, read once. */
  async open(object: ObjectId): Promise<OpenPhoto | undefined> {
    const known = this.photos[object];
    if (known || this.opening.has(object)) return known;
    this.opening.add(object);
    this.problem = '';
    try {
      const bytes = await readBytes(staff.snapshotPath(this.#session, object), SNAPSHOT_BYTES);
      measureSnapshot(object, { bytes: bytes.length, sha256: hex(await sha256(bytes)) });
      const content = decodeSnapshot(bytes);
      if (!content) {
        this.problem = text.photos.unreadable;
        return undefined;
      }
      if (this.#closed) return undefined;
      const url = URL.createObjectURL(new Blob([content.jpeg], { type: 'image/jpeg' }));
      const photo = { object, about: content.about, url };
      this.photos = { ...this.photos, [object]: photo };
      return photo;
    } catch (error) {
      if (!account.isOver(error)) this.problem = sentence(error);
      return undefined;
    } finally {
      this.opening.delete(object);
    }
  }

  close(): void {
    this.#closed = true;
    for (const { url } of Object.values(this.photos)) URL.revokeObjectURL(url);
    this.photos = {};
  }
}
