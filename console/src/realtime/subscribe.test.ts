import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createMockTransportPair } from '../../node_modules/@moq/net/mock.js';
import type { SessionState, Ticket } from '../wire/types';
import { Broadcast, PROTOCOL, Path, Time, connection, type Connection } from './moq';
import { followState } from './state';
import { readGroups, watchBroadcasts } from './subscribe';

const open: Connection[] = [];

/** Two ends of one connection, without a network between them. */
function pair(): [Connection, Connection] {
  const { client, server } = createMockTransportPair(PROTOCOL);
  const ends: [Connection, Connection] = [client, server].map((end) => connection('https://localhost/', end)) as [
    Connection,
    Connection,
  ];
  open.push(...ends);
  return ends;
}

beforeEach(() => {
  // The library tells its life on the console.
  for (const way of ['debug', 'warn', 'error'] as const) vi.spyOn(console, way).mockImplementation(() => undefined);
});

afterEach(() => {
  vi.restoreAllMocks();
  for (const end of open.splice(0)) end.close();
});

const frame = (value: number) => ({ payload: Uint8Array.of(value), timestamp: Time.Timestamp.fromMicros(value) });
const micro = { timescale: Time.Timescale.MICRO };
const ticket = (subscribe: string[]): Ticket => ({
  ticket: '',
  udp_url: '',
  certificate_sha256: [],
  websocket_url: '',
  publish: [],
  subscribe,
  purposes: [],
});

describe('the broadcasts of a session', () => {
  /** What is there and what comes is told, and what goes too; a staff's prefix and a guest's exact names both work. */
  test.each([['org/ses'], ['org/ses/par/camera']])('are watched by %s', async (prefix) => {
    const [here, there] = pair();
    const camera = new Broadcast.Producer();
    there.publish(Path.from('org/ses/par/camera'), camera);
    there.publish(Path.from('org/other/par/camera'), new Broadcast.Producer());
    const stop = new AbortController();
    const seen: string[] = [];
    let gone = false;
    const watching = watchBroadcasts(here, [prefix], stop.signal, (path, signal) => {
      seen.push(path);
      signal.addEventListener('abort', () => {
        gone = true;
      });
    });
    await vi.waitFor(() => {
      expect(seen).toEqual(['org/ses/par/camera']);
    });
    camera.close();
    await vi.waitFor(() => {
      expect(gone).toBe(true);
    });
    stop.abort();
    await watching;
  });
});

describe('the groups of a track', () => {
  /** Frames come in order, and the beginning of each group is told before its first frame. */
  test('are read as they come', async () => {
    const [here, there] = pair();
    const broadcast = new Broadcast.Producer();
    const track = broadcast.createTrack('video', micro);
    there.publish(Path.from('a'), broadcast);
    const stop = new AbortController();
    const said: (number | 'group')[] = [];
    const options = { onGroup: () => void said.push('group') };
    const onFrame = (bytes: Uint8Array) => void said.push(bytes[0] ?? -1);
    const reading = readGroups(here, 'a', 'video', {}, stop.signal, onFrame, options);
    await vi.waitFor(() => {
      expect(track.used.peek()).toBe(true);
    });
    for (const group of [0, 10]) {
      const producer = track.appendGroup();
      for (const n of [1, 2]) producer.writeFrame(frame(group + n));
      producer.close();
      await vi.waitFor(() => {
        expect(said.at(-1)).toBe(group + 2);
      });
    }
    expect(said).toEqual(['group', 1, 2, 'group', 11, 12]);
    stop.abort();
    await reading;
  });

  /** A group that never ends does not hold up the next one. */
  test('do not wait for a group that stalls', async () => {
    const [here, there] = pair();
    const broadcast = new Broadcast.Producer();
    const track = broadcast.createTrack('video', micro);
    there.publish(Path.from('a'), broadcast);
    const stop = new AbortController();
    const said: number[] = [];
    const reading = readGroups(here, 'a', 'video', {}, stop.signal, (bytes) => void said.push(bytes[0] ?? -1));
    await vi.waitFor(() => {
      expect(track.used.peek()).toBe(true);
    });
    track.appendGroup().writeFrame(frame(1));
    await vi.waitFor(() => {
      expect(said).toEqual([1]);
    });
    track.appendGroup().writeFrame(frame(2));
    await vi.waitFor(() => {
      expect(said).toEqual([1, 2]);
    });
    stop.abort();
    await reading;
  });

  /** When the connection is gone the reader stops with its signal, and nothing is thrown. */
  test('end with the connection', async () => {
    const [here] = pair();
    const stop = new AbortController();
    const reading = readGroups(here, 'nothing', 'video', {}, stop.signal, () => undefined);
    here.close();
    stop.abort();
    await expect(reading).resolves.toBeUndefined();
  });
});

describe('the state of a session', () => {
  const state = (revision: number): SessionState => ({
    v: 1,
    organisation: 'org',
    session: 'ses',
    revision,
    at_us: 1,
    phase: 'live',
    participants: [],
  });

  /** The newest record is the truth; an older one that comes late changes nothing. */
  test('only grows', async () => {
    const [here, there] = pair();
    const broadcast = new Broadcast.Producer();
    const track = broadcast.createTrack('state', micro);
    there.publish(Path.from('org/ses/state'), broadcast);
    const stop = new AbortController();
    const seen: number[] = [];
    track.writeJson(state(3));
    const following = followState(here, ticket(['org/ses/state']), stop.signal, ({ revision }) => void seen.push(revision));
    await vi.waitFor(() => {
      expect(seen).toEqual([3]);
    });
    track.writeJson(state(2));
    track.writeJson(state(5));
    await vi.waitFor(() => {
      expect(seen).toEqual([3, 5]);
    });
    stop.abort();
    await following;
  });
});
