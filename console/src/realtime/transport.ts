/**
 * The way to the server: WebTransport on the UDP port, and a WebSocket on the HTTPS port where UDP is blocked. Both are
 * raced; UDP has a head start, because a mute UDP port takes four seconds to be noticed.
 */
import type { Ticket } from '../wire/types';
import { PROTOCOL, connection, type Connection } from './moq';
import { either } from './signals';

export type Via = 'webtransport' | 'websocket';

export interface Dialled {
  connection: Connection;
  via: Via;
  /** Why the server closed it (`close.ts`), once it did and said so. */
  closeCode: () => number | undefined;
}

/** How long WebTransport is alone, ms. */
export const HEAD_START_MS = 500;
/** Longer than both ways take on any network a call is possible on, ms. */
const PATIENCE_MS = 12_000;
/** A sub-protocol beside `moq-lite-05` that carries the ticket: the CONNECT has neither cookie nor header. */
const TICKET_PREFIX = 'handlens-ticket.';

/** After the WebSocket won once, UDP is blocked here: no head start any more, but UDP is tried each time. */
let udpBlocked = false;

/** Opens one connection with a fresh ticket. Rejects when both ways fail or `signal` is aborted. */
export async function dial(ticket: Ticket, signal: AbortSignal): Promise<Dialled> {
  const limit = either(signal, AbortSignal.timeout(PATIENCE_MS));
  const ways: Way<WebTransport>[] = [() => openWebSocket(ticket)];
  if ('WebTransport' in globalThis) ways.unshift(() => openWebTransport(ticket));
  const { value, index } = await race(ways, udpBlocked ? 0 : HEAD_START_MS, limit, (late) => {
    late.close();
  });
  const via: Via = ways.length === 2 && index === 0 ? 'webtransport' : 'websocket';
  udpBlocked = via === 'websocket';
  let closeCode: number | undefined;
  value.closed.then(
    (info) => (closeCode = info.closeCode),
    () => undefined,
  );
  return { connection: connection(ticket.udp_url, value), via, closeCode: () => closeCode };
}

export type Way<T> = () => Promise<T>;

/**
 * The first of `ways` to succeed. Each way after the first starts `headStartMs` after the one before it, or at once when
 * that one failed. What arrives too late goes to `discard`.
 */
export function race<T>(
  ways: readonly Way<T>[],
  headStartMs: number,
  signal: AbortSignal,
  discard: (late: T) => void,
): Promise<{ value: T; index: number }> {
  return new Promise((resolve, reject) => {
    let settled = false;
    let failed = 0;
    let started = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const settle = (finish: () => void) => {
      settled = true;
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      finish();
    };
    const abort = () => {
      settle(() => {
        reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
      });
    };
    const start = () => {
      clearTimeout(timer);
      const index = started;
      const way = ways[index];
      if (settled || !way) return;
      started += 1;
      timer = setTimeout(start, headStartMs);
      way().then(
        (value) => {
          if (settled) discard(value);
          else
            settle(() => {
              resolve({ value, index });
            });
        },
        (error: unknown) => {
          if (settled) return;
          failed += 1;
          if (failed === ways.length)
            settle(() => {
              reject(error instanceof Error ? error : new Error(String(error)));
            });
          else if (started < ways.length) start();
        },
      );
    };
    if (signal.aborted) {
      abort();
      return;
    }
    signal.addEventListener('abort', abort, { once: true });
    start();
  });
}

async function openWebTransport(ticket: Ticket): Promise<WebTransport> {
  const transport = new WebTransport(ticket.udp_url, {
    allowPooling: false,
    congestionControl: 'low-latency',
    protocols: [PROTOCOL, TICKET_PREFIX + ticket.ticket],
    serverCertificateHashes: ticket.certificate_sha256.map((hash) => ({ algorithm: 'sha-256', value: bytes(hash) })),
  });
  // Both promises reject on failure; the one that is not awaited must not be reported as unhandled.
  transport.closed.catch(() => undefined);
  await transport.ready;
  const { protocol } = transport as WebTransport & { readonly protocol?: string };
  if (protocol !== PROTOCOL) {
    transport.close();
    throw new Error('the server speaks no moq-lite-05');
  }
  return transport;
}

async function openWebSocket(ticket: Ticket): Promise<WebTransport> {
  const { default: Session } = await import('@moq/qmux');
  const session = new Session(ticket.websocket_url, {
    protocols: [`qmux-01.${PROTOCOL}`, `qmux-00.${PROTOCOL}`],
    requireProtocol: true,
  });
  session.closed.catch(() => undefined);
  await session.ready;
  return session;
}

function bytes(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
