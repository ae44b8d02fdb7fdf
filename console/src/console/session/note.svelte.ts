/** The note's editor: runs the machine of `draft.ts` with a clock and the network. */
import { ProblemError } from '../../wire/api';
import * as staff from '../../wire/staff';
import { backoffMs } from '../../wire/stream';
import type { SessionId } from '../../wire/types';
import { account } from '../account.svelte';
import * as machine from './draft';

/** A pause in typing after which the note is saved, ms. */
const PAUSE_MS = 800;

export class NoteEditor {
  draft = $state.raw(machine.empty());
  /** The session is over: what is in the field can be read, and nothing more is saved. */
  finished = $state(false);

  readonly #session: SessionId;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #attempt = 0;
  #closed = false;

  constructor(session: SessionId) {
    this.#session = session;
    addEventListener('beforeunload', this.#warn);
  }

  async load(): Promise<void> {
    try {
      this.draft = machine.loaded(await staff.note(this.#session));
      this.#attempt = 0;
    } catch (error) {
      if (!account.isOver(error)) this.#later(backoffMs(this.#attempt++), () => void this.load());
    }
  }

  type(text: string): void {
    this.draft = machine.typed(this.draft, text);
    if (machine.wants(this.draft)) this.#later(PAUSE_MS, () => void this.save());
  }

  /** Saves now; a save that is under way is followed by the next. */
  async save(): Promise<void> {
    clearTimeout(this.#timer);
    if (!machine.wants(this.draft) || this.finished) return;
    this.draft = machine.sending(this.draft);
    const { text, base } = this.draft;
    try {
      const { revision } = await staff.writeNote(this.#session, { text, revision: base.revision });
      this.draft = machine.taken(this.draft, revision);
      this.#attempt = 0;
    } catch (error) {
      await this.#refused(error);
    }
    // Somebody who left the session is not waited for without end.
    if (machine.wants(this.draft) && !(this.#closed && this.#attempt > 3)) {
      this.#later(this.draft.state === 'failed' ? backoffMs(this.#attempt++) : PAUSE_MS, () => void this.save());
    }
  }

  keepMine(): void {
    this.draft = machine.keptMine(this.draft);
    void this.save();
  }

  takeTheirs(): void {
    this.draft = machine.tookTheirs(this.draft);
  }

  finish(): void {
    this.finished = true;
  }

  close(): void {
    this.#closed = true;
    void this.save();
    removeEventListener('beforeunload', this.#warn);
  }

  async #refused(error: unknown): Promise<void> {
    if (error instanceof ProblemError && error.code === 'conflict') {
      try {
        this.draft = machine.conflicted(this.draft, await staff.note(this.#session));
        return;
      } catch {
        // Asked again with the next attempt.
      }
    }
    this.draft = machine.failed(this.draft);
    if (error instanceof ProblemError && error.code === 'session-ended') this.finished = true;
    else account.isOver(error);
  }

  #later(ms: number, act: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(act, ms);
  }

  readonly #warn = (event: BeforeUnloadEvent) => {
    if (machine.atRisk(this.draft) && !this.finished) event.preventDefault();
  };
}
