/**
 * The photo effects of the machine: what was chosen waits here for its owner's "Yes", what is taken comes from the camera.
 * The code that reads, seals and sends is loaded when the first photo is near.
 */
import { captureNow, unixNow } from '../realtime/clock';
import { ProblemError } from '../wire/api';
import * as guest from '../wire/guest';
import type { GuestView, RequestId } from '../wire/types';
import type { Event } from './machine';
import type { Jpeg, Photos } from './photo';
import type { Camera } from './photo/take';

export interface PhotoDeskOptions {
  view: () => GuestView | undefined;
  /** The open camera, if it shows something now and this photo is still wanted. */
  camera: (request: RequestId) => Camera | undefined;
  /** Whether the server knows that photos are allowed, once it does or will not. */
  allowed: () => Promise<boolean>;
  pause: (attempt: number) => Promise<void>;
  tell: (event: Event) => void;
}

const load = () => import('./photo');

export class PhotoDesk {
  private file: File | undefined;
  private chosen: Jpeg | undefined;
  private photos: Photos | undefined;

  constructor(private readonly options: PhotoDeskOptions) {}

  /** Goes on with what was left over from before a reload. */
  async resume(): Promise<void> {
    try {
      await (await this.open()).send();
    } catch {
      // The page's own file did not load; the next photo, or the next visit of the page, tries again.
    }
  }

  /** Tries again at once. */
  hurry(): void {
    this.photos?.hurry();
  }

  /** What `read` will read. */
  pick(file: File): void {
    this.file = file;
  }

  /** The chosen picture, to be looked at before it is sent. It belongs to the caller. */
  preview(): Blob | undefined {
    return this.chosen && new Blob([this.chosen.bytes], { type: 'image/jpeg' });
  }

  drop(): void {
    this.file = undefined;
    this.chosen = undefined;
  }

  /** Makes a JPEG of the file that was picked, before anything is asked or spent for it. */
  async read(): Promise<void> {
    const { file } = this;
    try {
      this.chosen = file && (await (await load()).readPicture(file));
    } catch {
      this.chosen = undefined;
    }
    if (this.file !== file) return;
    this.options.tell(this.chosen ? { type: 'photoRead' } : { type: 'photoFailed', problem: 'unreadable' });
  }

  sendChosen(request: RequestId | undefined): Promise<void> {
    return this.keep(request, () => Promise.resolve(this.chosen && { ...this.chosen, capture_us: captureNow() }));
  }

  take(request: RequestId): Promise<void> {
    return this.keep(request, async () => {
      const camera = this.options.camera(request);
      const still = camera && (await (await load()).takeStill(camera));
      return this.options.camera(request) && still;
    });
  }

  /** Says "No", however long that takes; a request that is gone needs none. */
  async decline(request: RequestId): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        await guest.declinePhoto(request);
        return;
      } catch (error) {
        if (error instanceof ProblemError && error.code !== 'unreachable' && error.status < 500) return;
        await this.options.pause(attempt);
      }
    }
  }

  private async keep(
    request: RequestId | undefined,
    picture: () => Promise<(Jpeg & { capture_us: number }) | undefined>,
  ): Promise<void> {
    try {
      const allowed = await this.options.allowed();
      const [view, taken] = [this.options.view(), allowed ? await picture() : undefined];
      if (!view || !taken) {
        this.options.tell({ type: 'photoFailed', problem: 'failed' });
        return;
      }
      const { capture_us, ...jpeg } = taken;
      const taken_us = unixNow() - (captureNow() - capture_us);
      await (await this.open()).keep(view, jpeg, { capture_us: Math.round(capture_us), taken_us: Math.round(taken_us) }, request);
      this.drop();
      this.options.tell({ type: 'photoKept' });
    } catch {
      this.options.tell({ type: 'photoFailed', problem: 'failed' });
    }
  }

  private async open(): Promise<Photos> {
    const { Photos } = await load();
    this.photos ??= new Photos({
      onOutbox: (outbox) => {
        this.options.tell({ type: 'outbox', ...outbox });
      },
      onRefused: (request) => {
        if (request !== undefined) void this.decline(request);
      },
    });
    this.photos.view = this.options.view();
    return this.photos;
  }
}
