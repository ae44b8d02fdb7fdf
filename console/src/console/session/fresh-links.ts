/**
 * Links that were made in this window, until it is closed. The server tells a link once and keeps only its hash; they
 * live in memory alone, so that nothing of them is left on the machine.
 */
import type { InviteId } from '../../wire/types';

export const freshLinks = new Map<InviteId, string>();
