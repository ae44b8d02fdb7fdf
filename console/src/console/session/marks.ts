/** From marks and what was painted of them to what the screen says of them. Pure. */
import type { Painted, PaintedMark } from '../../realtime/viewer';
import { text } from '../../text';
import type { Geometry, Mark, MarkId, ParticipantId, SessionState } from '../../wire/types';
import { nameOf } from './model';

/** How a mark stands on the screen. `still`: its camera's device does not follow marks; `searched`: not found yet. */
export type Standing = PaintedMark['state'] | 'still' | 'searched';

export interface MarkRow {
  id: MarkId;
  kind: Geometry['kind'];
  name: string;
  colour: Mark['style']['colour'];
  standing: Standing;
  said: string;
  author: string;
  /** Own, and the last one: it can be taken back. */
  undoable: boolean;
}

export interface Ghost {
  id: MarkId;
  x: number;
  y: number;
  /** Where the mark is thought to be, radians, clockwise from the right. */
  direction: number | undefined;
  said: string;
}

type Shown = Readonly<Record<ParticipantId, Painted>>;

/** "Arrow 2": kinds and numbers in the order of drawing. */
export const markName = (marks: readonly Mark[], mark: Mark): string =>
  text.marks.name(mark.geometry.kind, marks.filter(({ geometry }) => geometry.kind === mark.geometry.kind).indexOf(mark) + 1);

export const ownLast = (marks: readonly Mark[], me: ParticipantId | undefined): Mark | undefined =>
  marks.findLast(({ author }) => author === me);

export function markRows(
  marks: readonly Mark[],
  shown: Shown,
  state: SessionState,
  me: ParticipantId | undefined,
): MarkRow[] {
  const last = ownLast(marks, me);
  return marks.map((mark) => {
    const painted = shown[mark.camera];
    const found = painted?.marks.find(({ id }) => id === mark.id);
    const standing: Standing = painted?.tracked === true ? (found?.state ?? 'searched') : 'still';
    const author = state.participants.find(({ id }) => id === mark.author);
    return {
      id: mark.id,
      kind: mark.geometry.kind,
      name: markName(marks, mark),
      colour: mark.style.colour,
      standing,
      said: standing === 'lost' ? lostText(found) : text.marks.standing[standing],
      author: mark.author === me ? text.people.you : author ? nameOf(state, author) : '',
      undoable: mark === last,
    };
  });
}

/** Lost marks, where they are announced on the picture. */
export const ghosts = (painted: Painted | undefined): Ghost[] =>
  (painted?.marks ?? []).flatMap((mark) =>
    mark.state === 'lost' && mark.ghost
      ? [{ id: mark.id, x: mark.ghost.at.x, y: mark.ghost.at.y, direction: mark.ghost.direction, said: lostText(mark) }]
      : [],
  );

/** Everything of a painting that the page shows in words: two with the same key need no new look. */
export const paintedKey = ({ marks, tracked }: Painted): string =>
  JSON.stringify([tracked, marks.map(({ id, state, reason, ghost }) => [id, state, reason, ghost && roundGhost(ghost)])]);

const lostText = (mark: PaintedMark | undefined): string => text.marks.lost[mark?.reason ?? 'unknown'];

const roundGhost = ({ at, direction = 0 }: NonNullable<PaintedMark['ghost']>) =>
  [at.x * 500, at.y * 500, direction * 30].map(Math.round);
