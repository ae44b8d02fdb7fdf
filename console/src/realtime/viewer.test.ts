import { afterEach, expect, test, vi } from 'vitest';
import { openViewer, type ViewerEvent } from './viewer';

afterEach(() => {
  vi.unstubAllGlobals();
});

/** A worker that does not load, or dies of an error, is told: nobody waits for a picture that cannot come. */
test('a failed worker is told', async () => {
  const workers: { onerror?: () => void }[] = [];
  vi.stubGlobal(
    'Worker',
    class {
      onerror?: () => void;
      constructor() {
        workers.push(this);
      }
      postMessage(): void {
        // It does nothing: it failed.
      }
    },
  );
  const events: ViewerEvent[] = [];
  const viewer = openViewer({
    ticket: () => Promise.reject(new Error('nobody asks')),
    onEvent: (event) => events.push(event),
  });
  const still = viewer.freeze('par_1');
  workers[0]?.onerror?.();
  await expect(still).rejects.toThrow('failed');
  await expect(viewer.freeze('par_1')).rejects.toThrow('failed');
  expect(events).toEqual([{ kind: 'failed' }]);
});
