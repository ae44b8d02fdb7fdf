/**
 * A connection to the realtime plane that never gives up: each attempt has a ticket of its own, waits grow with jitter,
 * and the network's return ends a wait at once. Whoever holds the link closes it when the visit is over.
 */
import { backoffMs } from '../wire/stream';
import type { Ticket } from '../wire/types';
import { CLOSE } from './close';
import type { Connection } from './moq';
import { settledOr } from './signals';
import { dial, type Dialled, type Via } from './transport';

export type LinkEvent =
  | { kind: 'connecting'; attempt: number }
  | { kind: 'connected'; via: Via }
  /** `offline`: the device says so; `refused`: no ticket; `unreachable`: neither way opened; `closed`: it was open. */
  | { kind: 'lost'; why: 'offline' | 'refused' | 'unreachable' | 'closed'; error?: unknown; closeCode?: number | undefined; retry_ms: number };

export interface LinkOptions {
  /** A fresh ticket: it is spent by one attempt. */
  ticket: () => Promise<Ticket>;
  onEvent: (event: LinkEvent) => void;
  /** Called with each new connection; `signal` is aborted when it is gone. */
  onConnection: (connection: Connection, ticket: Ticket, signal: AbortSignal) => void;
  /** Replaced in tests. */
  dial?: (ticket: Ticket, signal: AbortSignal) => Promise<Dialled>;
  random?: () => number;
  /** Says `online` and `offline`; the page's or worker's own scope unless a test replaces it. */
  network?: EventTarget;
}

export interface Link {
  /** Drops the connection and opens another one at once, with what a new ticket allows. */
  renew(): void;
  /** Ends a wait, if there is one. */
  hurry(): void;
  close(): void;
}

/** A connection that held for so long was sound: the next wait is short again, ms. */
const SOUND_MS = 10_000;
/** Another window of the same person took the place; coming back at once would push that one out in turn, ms. */
const YIELD_MS = 30_000;

export function openLink(options: LinkOptions): Link {
  const random = options.random ?? Math.random;
  const network = options.network ?? globalThis;
  let closed = false;
  let current = new AbortController();
  let hurry: () => void = () => undefined;
  let hurried = false;

  const onOffline = () => {
    current.abort(new Error('offline'));
  };
  const wake = () => {
    hurry();
  };
  const renew = () => {
    hurried = true;
    current.abort(new Error('renewed'));
    hurry();
  };
  const wait = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      hurry = () => {
        clearTimeout(timer);
        resolve();
      };
      if (closed) hurry();
    });

  // Asked after each wait: a narrowed variable would say that nothing changes meanwhile.
  const stopped = () => closed;

  const run = async () => {
    let attempt = 0;
    while (!closed) {
      current = new AbortController();
      options.onEvent({ kind: 'connecting', attempt });
      const started = performance.now();
      const { why, error, closeCode } = await hold(options, current.signal);
      if (stopped()) return;
      if (why === 'closed' && performance.now() - started > SOUND_MS) attempt = 0;
      const backoff_ms = closeCode === CLOSE.Superseded ? YIELD_MS : backoffMs(attempt, random());
      const retry_ms = hurried ? 0 : backoff_ms;
      attempt = hurried ? 0 : attempt + 1;
      hurried = false;
      options.onEvent({ kind: 'lost', why: isOffline() ? 'offline' : why, error, closeCode, retry_ms });
      await wait(retry_ms);
    }
  };

  network.addEventListener('offline', onOffline);
  network.addEventListener('online', wake);
  void run();
  return {
    renew,
    hurry: wake,
    close: () => {
      closed = true;
      current.abort(new Error('closed'));
      hurry();
      network.removeEventListener('offline', onOffline);
      network.removeEventListener('online', wake);
    },
  };
}

type Loss = { why: 'refused' | 'unreachable' | 'closed'; error?: unknown; closeCode?: number | undefined };

/** One attempt and, if it succeeds, the whole life of its connection. */
async function hold(options: LinkOptions, signal: AbortSignal): Promise<Loss> {
  let ticket: Ticket;
  try {
    ticket = await options.ticket();
  } catch (error) {
    return { why: 'refused', error };
  }
  let dialled: Dialled;
  try {
    dialled = await (options.dial ?? dial)(ticket, signal);
  } catch (error) {
    return { why: 'unreachable', error };
  }
  const over = new AbortController();
  try {
    if (!signal.aborted) {
      options.onEvent({ kind: 'connected', via: dialled.via });
      options.onConnection(dialled.connection, ticket, over.signal);
      await settledOr(dialled.connection.closed, signal);
    }
  } finally {
    over.abort();
    dialled.connection.close();
  }
  return { why: 'closed', closeCode: dialled.closeCode() };
}

function isOffline(): boolean {
  return typeof navigator !== 'undefined' && navigator.onLine === false;
}
