/**
 * Reading from the realtime plane: which broadcasts there are, and the groups of a track as they come. What is behind is
 * left behind: a newer group is worth more than the rest of an older one.
 */
import { Path, type Connection, type Track } from './moq';
import { either, onAbort, sleep } from './signals';

/** How long the rest of a group may still come after a newer one began, ms. */
const GRACE_MS = 200;
/** What `max_age` is asked for, ms: below 200 a lossy link loses pictures for nothing. */
const MAX_AGE_MS = 500;
/** A track that was refused is asked for again after, ms. */
const AGAIN_MS = 1_000;

/**
 * Calls `onBroadcast` for each broadcast under one of `prefixes`, now and later; `gone` is aborted when it ends. Returns
 * when `signal` is aborted or the connection is gone.
 */
export async function watchBroadcasts(
  connection: Connection,
  prefixes: readonly string[],
  signal: AbortSignal,
  onBroadcast: (path: string, gone: AbortSignal) => void,
): Promise<void> {
  const live = new Map<string, AbortController>();
  const watch = async (prefix: string) => {
    const announced = connection.announced(Path.from(prefix));
    onAbort(signal, () => {
      announced.close();
    });
    for (;;) {
      const event = await announced.next();
      if (!event || signal.aborted) return;
      const path = Path.join(Path.from(prefix), event.path);
      live.get(path)?.abort();
      live.delete(path);
      if (!event.active) continue;
      const gone = new AbortController();
      live.set(path, gone);
      onBroadcast(path, either(signal, gone.signal));
    }
  };
  await Promise.allSettled(prefixes.map(watch));
  for (const gone of live.values()) gone.abort();
}

/** What is told about a group besides its frames. */
export interface GroupEvents {
  /** A new group begins: its first frame is a whole one. */
  onGroup?: () => void;
}

/** Reads the frames of `track` until `signal` is aborted; a track that ends or is refused is asked for again. */
export async function readGroups(
  connection: Connection,
  path: string,
  track: string,
  options: Track.Subscription,
  signal: AbortSignal,
  onFrame: (bytes: Uint8Array) => void,
  { onGroup }: GroupEvents = {},
): Promise<void> {
  while (!signal.aborted) {
    try {
      await readOnce(connection, path, track, options, signal, onFrame, onGroup);
    } catch {
      // Refused or torn: it may be back in a moment.
    }
    await sleep(AGAIN_MS, signal);
  }
}

async function readOnce(
  connection: Connection,
  path: string,
  track: string,
  options: Track.Subscription,
  signal: AbortSignal,
  onFrame: (bytes: Uint8Array) => void,
  onGroup?: () => void,
): Promise<void> {
  const broadcast = connection.consume(Path.from(path));
  const subscriber = broadcast.subscribe(track, { latencyMax: MAX_AGE_MS, ...options });
  const release = onAbort(signal, () => {
    subscriber.close();
  });
  try {
    await readAll(subscriber, signal, onFrame, onGroup);
  } finally {
    release();
    subscriber.close();
    broadcast.close();
  }
}

async function readAll(
  subscriber: Track.Subscriber,
  signal: AbortSignal,
  onFrame: (bytes: Uint8Array) => void,
  onGroup?: () => void,
): Promise<void> {
  let group = await subscriber.nextGroup();
  while (group && !signal.aborted) {
    onGroup?.();
    let newer = false;
    let deadline: Promise<void> | undefined;
    const next = subscriber.nextGroup();
    const arrival = next.then(
      () => {
        newer = true;
      },
      () => {
        newer = true;
      },
    );
    for (;;) {
      const frame = group.tryReadFrame();
      if (frame) {
        onFrame(frame.payload);
        continue;
      }
      if (group.done || signal.aborted) break;
      if (newer) {
        deadline ??= new Promise((resolve) => setTimeout(resolve, GRACE_MS));
        const late = await Promise.race([group.readable().then(() => false), deadline.then(() => true)]);
        if (late) break;
      } else {
        await Promise.race([group.readable(), arrival]);
      }
    }
    group.close();
    group = await next;
  }
}
