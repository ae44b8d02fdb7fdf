/** Identifiers of marks. */
import { identifier } from '../wire/id';
import type { MarkId } from '../wire/types';

/** A new identifier. `bits` are 16 bytes; random ones unless a test gives its own. */
export const markId = (bits?: Uint8Array<ArrayBuffer>): MarkId => identifier('mrk', bits);
