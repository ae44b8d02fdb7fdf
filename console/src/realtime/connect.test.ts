import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Ticket } from '../wire/types';
import { openLink, type LinkEvent } from './connect';
import { CLOSE } from './close';
import type { Connection } from './moq';
import { race, type Dialled } from './transport';

const ticket = (n: number): Ticket => ({
  ticket: String(n),
  udp_url: 'https://localhost:1/',
  certificate_sha256: [],
  websocket_url: 'wss://localhost:1/',
  publish: [],
  subscribe: [],
  purposes: [],
});

/** A connection that ends when it is told to. */
function fakeConnection() {
  let end: () => void = () => undefined;
  const closed = new Promise<void>((resolve) => {
    end = resolve;
  });
  const connection = { closed, close: end } as unknown as Connection;
  return { connection, end };
}

let network = new EventTarget();

beforeEach(() => {
  network = new EventTarget();
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a link', () => {
  /** Every attempt has a ticket of its own: they are spent by one use. */
  test('asks for a fresh ticket each time', async () => {
    let tickets = 0;
    const seen: string[] = [];
    const link = openLink({
      network,
      ticket: () => Promise.resolve(ticket((tickets += 1))),
      dial: ({ ticket: id }) => {
        seen.push(id);
        return Promise.reject(new Error('blocked'));
      },
      onEvent: () => undefined,
      onConnection: () => undefined,
    });
    await vi.advanceTimersByTimeAsync(30_000);
    link.close();
    expect(seen.length).toBeGreaterThan(3);
    expect(new Set(seen).size).toBe(seen.length);
  });

  /** Waits grow and then stay: it never gives up, and never asks more often than every four seconds once it is slow. */
  test('waits longer each time and never gives up', async () => {
    const waits: number[] = [];
    const link = openLink({
      network,
      ticket: () => Promise.reject(new Error('no server')),
      onEvent: (event) => {
        if (event.kind === 'lost') waits.push(event.retry_ms);
      },
      onConnection: () => undefined,
      random: () => 1,
    });
    await vi.advanceTimersByTimeAsync(10 * 60_000);
    link.close();
    expect(waits.slice(0, 6)).toEqual([500, 1000, 2000, 4000, 8000, 8000]);
    expect(waits.length).toBeGreaterThan(70);
  });

  /** Two phones that lost the same server do not come back in the same moment. */
  test('waits with jitter', async () => {
    const firstWait = async (random: number) => {
      let wait = 0;
      const link = openLink({
        network,
        ticket: () => Promise.reject(new Error('no server')),
        onEvent: (event) => {
          if (event.kind === 'lost' && wait === 0) wait = event.retry_ms;
        },
        onConnection: () => undefined,
        random: () => random,
      });
      await vi.advanceTimersByTimeAsync(1);
      link.close();
      return wait;
    };
    expect(await firstWait(0)).toBe(250);
    expect(await firstWait(1)).toBe(500);
  });

  /** A lost connection is told, its holders are told, and the next one is opened. */
  test('comes back after a loss', async () => {
    const events: LinkEvent['kind'][] = [];
    const connections: ReturnType<typeof fakeConnection>[] = [];
    let gone = 0;
    const link = openLink({
      network,
      ticket: () => Promise.resolve(ticket(1)),
      dial: (): Promise<Dialled> => {
        const fake = fakeConnection();
        connections.push(fake);
        return Promise.resolve({ connection: fake.connection, via: 'webtransport', closeCode: () => undefined });
      },
      onEvent: ({ kind }) => events.push(kind),
      onConnection: (_connection, _ticket, signal) => {
        signal.addEventListener('abort', () => {
          gone += 1;
        });
      },
    });
    await vi.advanceTimersByTimeAsync(0);
    connections[0]?.end();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(events).toEqual(['connecting', 'connected', 'lost', 'connecting', 'connected']);
    expect(gone).toBe(1);
    link.renew();
    await vi.advanceTimersByTimeAsync(0);
    expect(events.slice(5)).toEqual(['lost', 'connecting', 'connected']);
    link.close();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(connections).toHaveLength(3);
    expect(gone).toBe(3);
  });

  /** Two windows of one person do not push each other out in turn: the one that lost its place waits long. */
  test('yields to the window that took its place', async () => {
    const waits: number[] = [];
    const fake = fakeConnection();
    const link = openLink({
      network,
      random: () => 1,
      ticket: () => Promise.resolve(ticket(1)),
      dial: () => Promise.resolve({ connection: fake.connection, via: 'webtransport', closeCode: () => CLOSE.Superseded }),
      onEvent: (event) => {
        if (event.kind === 'lost') waits.push(event.retry_ms);
      },
      onConnection: () => undefined,
    });
    await vi.advanceTimersByTimeAsync(0);
    fake.end();
    await vi.advanceTimersByTimeAsync(1_000);
    link.close();
    expect(waits).toEqual([30_000]);
  });
});

/** The network's return ends a long wait at once; its loss ends a connection that would only find out later. */
test('a link follows the network', async () => {
  const events: string[] = [];
  let works = true;
  const link = openLink({
    network,
    ticket: () => (works ? Promise.resolve(ticket(1)) : Promise.reject(new Error('no way'))),
    dial: () => Promise.resolve({ connection: fakeConnection().connection, via: 'websocket', closeCode: () => undefined }),
    onEvent: ({ kind }) => events.push(kind),
    onConnection: () => undefined,
  });
  await vi.advanceTimersByTimeAsync(0);
  works = false;
  network.dispatchEvent(new Event('offline'));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(events.slice(0, 3)).toEqual(['connecting', 'connected', 'lost']);
  works = true;
  events.length = 0;
  network.dispatchEvent(new Event('online'));
  await vi.advanceTimersByTimeAsync(0);
  expect(events).toEqual(['connecting', 'connected']);
  link.close();
});

describe('the race of two ways', () => {
  const never = new Promise<string>(() => undefined);
  const after = (ms: number, value: string) => new Promise<string>((resolve) => setTimeout(resolve, ms, value));
  const signal = () => new AbortController().signal;

  /** While the first way is quick enough the second is never tried. */
  test('does not start the second within the head start', async () => {
    const second = vi.fn(() => never);
    const won = race([() => after(499, 'udp'), second], 500, signal(), () => undefined);
    await vi.advanceTimersByTimeAsync(499);
    expect(await won).toEqual({ value: 'udp', index: 0 });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(second).not.toHaveBeenCalled();
  });

  /** A mute first way costs the head start and no more; when it does arrive it is closed. */
  test('takes the second when the first is mute', async () => {
    const late: string[] = [];
    const won = race([() => after(4_000, 'udp'), () => after(50, 'websocket')], 500, signal(), (value) => {
      late.push(value);
    });
    await vi.advanceTimersByTimeAsync(550);
    expect(await won).toEqual({ value: 'websocket', index: 1 });
    await vi.advanceTimersByTimeAsync(4_000);
    expect(late).toEqual(['udp']);
  });

  /** A first way that fails at once starts the second at once. */
  test('does not wait for what has failed', async () => {
    const won = race([() => Promise.reject(new Error('no')), () => after(50, 'websocket')], 500, signal(), () => undefined);
    await vi.advanceTimersByTimeAsync(50);
    expect((await won).index).toBe(1);
  });

  /** When every way failed, or it is called off, that is an error. */
  test('fails when all fail or it is called off', async () => {
    const no = () => Promise.reject(new Error('no'));
    await expect(race([no, no], 500, signal(), () => undefined)).rejects.toThrow('no');
    const off = new AbortController();
    const called = race([() => never], 500, off.signal, () => undefined);
    off.abort(new Error('off'));
    await expect(called).rejects.toThrow('off');
  });
});
