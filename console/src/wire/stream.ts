/**
 * Server-sent events that never give up: after a loss they come back with jittered back-off, at once when the network
 * or the page comes back. A refusal with a code (logged out, session gone) ends the stream and is told.
 *
 * Read by `fetch` and not by `EventSource`, which hides the status of a refusal and cannot notice a silent connection.
 */
import { ProblemError, problem } from './api';

export interface Listener<T> {
  /** A message, whole. */
  onMessage: (message: T) => void;
  /** Whether messages flow; said on change only. */
  onFlow?: (flowing: boolean) => void;
  /** The server said no for good. Nothing follows. */
  onRefused?: (refusal: ProblemError) => void;
}

export interface Stream {
  close(): void;
}

/** No byte for so long (the server sends a comment every 15 s) means the connection is dead, ms. */
const SILENCE_MS = 45_000;
/** An event longer than this is not ours, characters. */
const EVENT_CHARS = 1 << 20;

/**
 * Waiting time before attempt `attempt` (from 0), ms: between half and all of 0.5, 1, 2, 4, 8 s, never more. The phone's
 * waits are the same: `core/session/src/backoff.rs`.
 */
export function backoffMs(attempt: number, random = Math.random()): number {
  return 500 * 2 ** Math.min(attempt, 4) * (0.5 + random / 2);
}

/** Opens `path` and keeps it open until closed. Events other than `event` are passed over. */
export function openStream<T>(path: string, event: string, listener: Listener<T>): Stream {
  const closing = new AbortController();
  let flowing: boolean | undefined;
  let attempt = 0;
  let hurry: () => void = () => undefined;

  const flow = (now: boolean) => {
    if (now !== flowing) listener.onFlow?.((flowing = now));
  };
  const wake = () => {
    if (document.visibilityState === 'visible') hurry();
  };
  const run = async () => {
    while (!closing.signal.aborted) {
      try {
        await read(path, closing.signal, (name, data) => {
          if (name !== event) return;
          const message = JSON.parse(data) as T;
          attempt = 0;
          flow(true);
          listener.onMessage(message);
        });
      } catch (error) {
        if (closing.signal.aborted) return;
        if (error instanceof ProblemError && error.status >= 400 && error.status < 500 && error.code !== 'too-many') {
          stop();
          listener.onRefused?.(error);
          return;
        }
      }
      if (closing.signal.aborted) return;
      flow(false);
      const wait = backoffMs(attempt++);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, wait);
        hurry = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  };
  const stop = () => {
    closing.abort();
    hurry();
    removeEventListener('online', wake);
    document.removeEventListener('visibilitychange', wake);
  };

  addEventListener('online', wake);
  document.addEventListener('visibilitychange', wake);
  void run();
  return { close: stop };
}

async function read(path: string, closing: AbortSignal, onEvent: (name: string, data: string) => void): Promise<void> {
  const silence = new AbortController();
  const give = () => {
    silence.abort();
  };
  closing.addEventListener('abort', give, { once: true });
  let timer = setTimeout(give, SILENCE_MS);
  try {
    const response = await fetch(path, {
      headers: { accept: 'text/event-stream' },
      credentials: 'same-origin',
      cache: 'no-store',
      redirect: 'error',
      signal: silence.signal,
    });
    if (!response.ok || !response.body) throw await problem(response);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const parse = parser(onEvent);
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(give, SILENCE_MS);
      parse(value);
    }
  } finally {
    clearTimeout(timer);
    closing.removeEventListener('abort', give);
    give();
  }
}

/** Takes text as it comes and gives whole events (WHATWG HTML, "9.2.6 Interpreting an event stream", `\n` endings). */
export function parser(onEvent: (name: string, data: string) => void): (text: string) => void {
  let rest = '';
  return (text) => {
    rest += text.replaceAll('\r\n', '\n');
    if (rest.length > EVENT_CHARS) throw new RangeError('an event is too long');
    for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
      let name = 'message';
      const data: string[] = [];
      for (const line of rest.slice(0, end).split('\n')) {
        const [, field, value] = /^([a-z]+): ?(.*)$/.exec(line) ?? [];
        if (field === 'event') name = value ?? '';
        else if (field === 'data') data.push(value ?? '');
      }
      rest = rest.slice(end + 2);
      if (data.length > 0) onEvent(name, data.join('\n'));
    }
  };
}
