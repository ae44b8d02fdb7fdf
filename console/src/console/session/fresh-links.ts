/**
 * Links that were made in this window, until it is closed. The server tells a link once and keeps only its hash; they
 * live in memory alone, so that nothing of them is left on the machine. Reactive: the server's events may show an invite
 * before the answer with its link is here.
 */
import { SvelteMap } from 'svelte/reactivity';
import type { InviteId } from '../../wire/types';

export const freshLinks = new SvelteMap<InviteId, string>();
