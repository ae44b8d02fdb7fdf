/** Abort signals as the pages need them; `AbortSignal.any` is missing before Safari 17.4. */

/** Aborted as soon as one of `signals` is, with its reason. */
export function either(...signals: AbortSignal[]): AbortSignal {
  const both = new AbortController();
  for (const signal of signals) {
    if (signal.aborted) both.abort(signal.reason);
    else
      signal.addEventListener(
        'abort',
        () => {
          both.abort(signal.reason);
        },
        { once: true, signal: both.signal },
      );
  }
  return both.signal;
}

/** Resolves when `signal` is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    onAbort(signal, resolve);
  });
}

/** Runs `then` once when `signal` is aborted, at once if it is already. */
export function onAbort(signal: AbortSignal, then: () => void): void {
  if (signal.aborted) then();
  else
    signal.addEventListener(
      'abort',
      () => {
        then();
      },
      { once: true },
    );
}
