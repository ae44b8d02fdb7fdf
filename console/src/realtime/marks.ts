/** Marks as somebody reads them whose own camera is drawn on: what is committed, and who is drawing at this moment. */
import type { Drawing, Mark, Ticket } from '../wire/types';
import { PRIORITY } from './hang';
import { MARKS_TRACK, decodeDrawing, decodeMarkSet } from './mark-records';
import type { Connection } from './moq';
import { onAbort } from './signals';
import { readGroups, watchBroadcasts } from './subscribe';

export interface MarksEvents {
  /** Every committed mark, now and after each change. */
  onMarks: (marks: readonly Mark[]) => void;
  /** What `author` is drawing; nothing when they stopped or went away. */
  onDrawing: (author: string, drawing: Drawing | undefined) => void;
}

/** Follows all of it until `signal` is aborted. An older revision is passed over. */
export async function followMarks(
  connection: Connection,
  ticket: Ticket,
  signal: AbortSignal,
  { onMarks, onDrawing }: MarksEvents,
): Promise<void> {
  let revision = -1;
  await watchBroadcasts(connection, ticket.subscribe, signal, (path, gone) => {
    const [, , author = '', purpose] = path.split('/');
    if (author === 'state') {
      void readGroups(connection, path, MARKS_TRACK, { priority: PRIORITY.catalog }, gone, (bytes) => {
        const set = decodeMarkSet(bytes);
        if (!set || set.revision < revision) return;
        revision = set.revision;
        onMarks(set.marks);
      });
    } else if (purpose === 'data' && !ticket.publish.includes(path)) {
      void readGroups(connection, path, MARKS_TRACK, { priority: PRIORITY.data }, gone, (bytes) => {
        // A record that is not understood says at least that the one before it is old.
        const drawing = decodeDrawing(bytes);
        onDrawing(author, drawing?.stroke && drawing);
      });
      onAbort(gone, () => {
        onDrawing(author, undefined);
      });
    }
  });
}
