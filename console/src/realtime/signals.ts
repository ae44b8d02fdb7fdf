/** Abort signals as the pages need them; `AbortSignal.any` is missing before Safari 17.4. Nothing here outlives its use. */

/** Runs `then` once when `signal` is aborted, at once if it is already. The returned function takes that back. */
export function onAbort(signal: AbortSignal, then: () => void): () => void {
  if (signal.aborted) {
    then();
    return () => undefined;
  }
  const listener = () => {
    then();
  };
  signal.addEventListener('abort', listener, { once: true });
  return () => {
    signal.removeEventListener('abort', listener);
  };
}

/** Aborted as soon as one of `signals` is, with its reason. Either way all of them let go of it then. */
export function either(...signals: AbortSignal[]): AbortSignal {
  const both = new AbortController();
  const releases: (() => void)[] = [];
  for (const signal of signals) {
    releases.push(
      onAbort(signal, () => {
        for (const release of releases) release();
        both.abort(signal.reason);
      }),
    );
  }
  return both.signal;
}

/** Waits until `promise` settles or `signal` is aborted, whichever is first. Never rejects. */
export async function settledOr(promise: Promise<unknown>, signal: AbortSignal): Promise<void> {
  let release = (): void => undefined;
  const aborted = new Promise<void>((resolve) => {
    release = onAbort(signal, resolve);
  });
  await Promise.race([promise.catch(() => undefined), aborted]);
  release();
}

/** Waits `ms`, or less when `signal` is aborted. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const slept = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await settledOr(slept, signal);
  clearTimeout(timer);
}
