/** In `localStorage` while there is something to send: told without loading the outbox and opening its database. */
export const FLAG = 'handlens.outbox';
