/**
 * Drawing on the stage: runs the machine of `pen.ts` with the viewer and the network. While the pen is down this window holds
 * its own picture; that goes on by itself a moment after the pen is up, unless the session is frozen.
 */
import { markId } from '../../marks/id';
import { LINE_WIDTH } from '../../marks/paint';
import type { Painted } from '../../realtime/viewer';
import { text } from '../../text';
import * as staff from '../../wire/staff';
import type { Geometry, Mark, MarkId, MarkStyle, NewMark, ParticipantId } from '../../wire/types';
import { markName, markRows, ownLast } from './marks';
import { patchOf } from './patch';
import { geometryOf, initial, step, type PenEffect, type PenEvent } from './pen';
import type { OpenSession } from './session.svelte';

/** So long after the pen is up the picture goes on; another stroke begins the wait anew, ms. */
const LINGER_MS = 600;

/** A picture that is drawn on: whose, and when it was captured. */
interface Held {
  camera: ParticipantId;
  capture_us: number;
}

export class Marking {
  pen = $state.raw(initial);
  /** Sent, and not told back by the server yet. */
  pending = $state.raw<readonly NewMark[]>([]);
  selected = $state<MarkId>();
  /** Said once by a screen reader. */
  notice = $state('');

  /** A tool is at hand and there is a picture to draw on. */
  readonly ready = $derived.by(() => this.pen.tool !== 'select' && this.#session.onStage !== undefined);
  readonly rows = $derived.by(() =>
    markRows(this.#marks, this.#session.viewing?.painted ?? {}, this.#session.state, this.#session.view.me),
  );
  readonly undoable = $derived.by(() => ownLast(this.#marks, this.#session.view.me) !== undefined);

  readonly #session: OpenSession;
  readonly #lost = new Set<MarkId>();
  /** Asked to be undone: a second press before the server told takes the one before. */
  readonly #undone = new Set<MarkId>();
  #held: Promise<Held | undefined> | undefined;
  #id: MarkId = '';
  #linger: ReturnType<typeof setTimeout> | undefined;
  /** Frozen for both, or about to be. */
  #kept = false;

  constructor(session: OpenSession) {
    this.#session = session;
  }

  get #marks(): readonly Mark[] {
    return this.#session.viewing?.marks ?? [];
  }

  get aspect(): number {
    const camera = this.#session.onStage;
    const size = camera === undefined ? undefined : this.#session.viewing?.sizes[camera];
    return size ? size.width / size.height : 4 / 3;
  }

  get style(): MarkStyle {
    return { colour: this.pen.colour, width: LINE_WIDTH };
  }

  /** What is being drawn, as it would be committed. */
  get sketch(): Geometry | undefined {
    return geometryOf(this.pen, this.aspect);
  }

  /** Tells the machine; true when that changed anything. */
  tell(event: PenEvent): boolean {
    const before = this.pen;
    const { pen, effects } = step(before, event, this.aspect);
    this.pen = pen;
    for (const effect of effects) this.#run(effect);
    return pen !== before || effects.length > 0;
  }

  /** The server's marks came: what is among them waits no longer. */
  told(marks: readonly Mark[]): void {
    const there = new Set(marks.map(({ id }) => id));
    if (this.pending.some(({ id }) => there.has(id))) this.pending = this.pending.filter(({ id }) => !there.has(id));
    if (this.selected !== undefined && !there.has(this.selected)) this.selected = undefined;
    this.#show();
  }

  /** A picture was painted: a mark that got lost is announced, once. */
  painted({ marks }: Painted): void {
    for (const { id, state, reason } of marks) {
      if (state !== 'lost') this.#lost.delete(id);
      else if (!this.#lost.has(id)) {
        this.#lost.add(id);
        const mark = this.#marks.find((one) => one.id === id);
        if (mark) this.notice = text.marks.announce(markName(this.#marks, mark), text.marks.lost[reason ?? 'unknown']);
      }
    }
  }

  select = (id: MarkId | undefined) => {
    this.selected = id;
    const row = this.rows.find((one) => one.id === id);
    if (row) this.notice = text.marks.announce(row.name, row.said);
    this.#show();
  };

  /** To the next or the previous mark, round and round. */
  selectBeside(step: 1 | -1): void {
    const { rows } = this;
    const at = rows.findIndex(({ id }) => id === this.selected);
    this.select(rows.at(at < 0 && step < 0 ? -1 : (at + step) % rows.length)?.id);
  }

  undo = () =>
    this.#session.try(async () => {
      const left = this.#marks.filter(({ id }) => !this.#undone.has(id));
      const last = ownLast(left, this.#session.view.me)?.id;
      if (last === undefined) return;
      this.#undone.add(last);
      try {
        await staff.undoMark(this.#session.id, last);
      } catch (error) {
        this.#undone.delete(last);
        throw error;
      }
    });

  clear = () =>
    this.#session.try(async () => {
      if (this.undoable) await staff.clearMarks(this.#session.id);
    });

  /** The still is wanted for longer than a stroke: it does not go away by itself, whatever is drawn meanwhile. */
  keep(): void {
    this.#kept = true;
    clearTimeout(this.#linger);
  }

  /** The picture under the pen is another one now, or none. */
  drop(): void {
    this.#kept = false;
    if (this.pen.stroke) this.tell({ type: 'escape' });
    this.#release();
  }

  close(): void {
    clearTimeout(this.#linger);
  }

  #run(effect: PenEffect): void {
    switch (effect.do) {
      case 'hold':
        this.#id = markId();
        this.#held = this.#hold();
        break;
      case 'say':
        void this.#say(this.#id);
        break;
      case 'commit':
        void this.#commit(this.#id, effect.geometry, this.#held);
        this.#wait();
        break;
      case 'abandon':
        void this.#over(this.#held);
        this.#wait();
        break;
    }
  }

  async #hold(): Promise<Held | undefined> {
    clearTimeout(this.#linger);
    const { onStage: camera, viewing } = this.#session;
    if (camera === undefined) return undefined;
    const capture_us = await viewing?.freeze(camera);
    return capture_us === undefined ? undefined : { camera, capture_us };
  }

  async #say(id: MarkId): Promise<void> {
    const held = await this.#held;
    const geometry = this.sketch;
    if (!held || !geometry || id !== this.#id) return;
    this.#session.viewing?.draw({ v: 1, ...held, stroke: { id, geometry, style: this.style } });
  }

  /** The drawing is over, whatever became of it. */
  async #over(held: Promise<Held | undefined> | undefined): Promise<Held | undefined> {
    const picture = await held;
    if (picture && !this.pen.stroke) this.#session.viewing?.draw({ v: 1, ...picture });
    return picture;
  }

  async #commit(id: MarkId, geometry: Geometry, held: Promise<Held | undefined> | undefined): Promise<void> {
    const { style } = this;
    const picture = await this.#over(held);
    if (!picture) {
      this.#session.problem = text.marks.notKept;
      return;
    }
    const still = this.#session.viewing?.still;
    const patch = still?.frame_us === picture.capture_us ? patchOf(geometry, still.bitmap) : undefined;
    const mark: NewMark = { id, ...picture, geometry, style, ...(patch && { patch }) };
    this.pending = [...this.pending, mark];
    this.#show();
    await this.#session.try(async () => {
      try {
        await staff.commitMark(this.#session.id, mark);
      } catch (error) {
        this.pending = this.pending.filter((one) => one !== mark);
        this.#show();
        throw error;
      }
    });
  }

  #wait(): void {
    clearTimeout(this.#linger);
    this.#linger = setTimeout(() => {
      this.#release();
    }, LINGER_MS);
  }

  #release(): void {
    clearTimeout(this.#linger);
    if (this.#kept) return;
    const { state, viewing } = this.#session;
    const shared = state.frozen !== undefined && viewing?.still?.frame_us === state.frozen.frame_us;
    if (!shared && !this.pen.stroke) viewing?.unfreeze();
  }

  #show(): void {
    this.#session.viewing?.ownMarks(this.pending, this.selected);
  }
}
