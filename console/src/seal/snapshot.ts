/** The plaintext of a snapshot, written: `core/protocol/src/snapshot.rs`. Reading it is the console's, `console/session/snapshot-format.ts`. */
import type { SnapshotAbout } from '../wire/types';
import { concat, u32, utf8, type Bytes } from './encoding';

/** The purpose in the header of a snapshot's container. */
export const PURPOSE = 'snapshots';

/** `"HLS1" ‖ length of about ‖ about ‖ JPEG`. */
export function encodeSnapshot(about: SnapshotAbout, jpeg: Bytes): Bytes {
  const said = utf8(JSON.stringify(about));
  return concat([utf8('HLS1'), u32(said.length), said, jpeg]);
}
