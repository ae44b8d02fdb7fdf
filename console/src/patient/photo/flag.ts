/** In `localStorage` while something is stored to be sent: told without loading the outbox and opening its database. */
const FLAG = 'handlens.outbox';

/** Whether something was stored, as far as is known. */
export function flagged(): boolean {
  try {
    return localStorage.getItem(FLAG) !== null;
  } catch {
    return false;
  }
}

export function flag(set: boolean): void {
  try {
    if (set) localStorage.setItem(FLAG, '1');
    else localStorage.removeItem(FLAG);
  } catch {
    // Without storage there is nothing to find after a reload either.
  }
}
