/** The session's state on the server's own broadcast: the newest group is the whole truth. */
import type { SessionState, Ticket } from '../wire/types';
import { PRIORITY } from './hang';
import type { Connection } from './moq';
import { STATE_TRACK, decodeState } from './records';
import { readGroups, watchBroadcasts } from './subscribe';

/** Calls `onState` with the state now and after each change, until `signal` is aborted. An older revision is passed over. */
export async function followState(
  connection: Connection,
  ticket: Ticket,
  signal: AbortSignal,
  onState: (state: SessionState) => void,
): Promise<void> {
  let revision = -1;
  await watchBroadcasts(connection, ticket.subscribe, signal, (path, gone) => {
    if (path.split('/')[2] !== 'state') return;
    void readGroups(connection, path, STATE_TRACK, { priority: PRIORITY.catalog }, gone, (bytes) => {
      const state = decodeState(bytes);
      if (!state || state.revision <= revision) return;
      revision = state.revision;
      onState(state);
    });
  });
}
