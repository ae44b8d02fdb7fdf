/** Keeps the screen on while somebody looks through its camera. The browser lets go when the page is hidden; we ask again. */
export class Awake {
  private wanted = false;
  private lock: WakeLockSentinel | undefined;

  constructor() {
    document.addEventListener('visibilitychange', () => {
      if (this.wanted) void this.hold();
    });
  }

  want(wanted: boolean): void {
    if (wanted === this.wanted) return;
    this.wanted = wanted;
    if (wanted) void this.hold();
    else {
      void this.lock?.release().catch(() => undefined);
      this.lock = undefined;
    }
  }

  private async hold(): Promise<void> {
    if (!('wakeLock' in navigator) || document.visibilityState !== 'visible') return;
    if (this.lock?.released === false) return;
    try {
      const lock = await navigator.wakeLock.request('screen');
      if (this.wanted) this.lock = lock;
      else await lock.release();
    } catch {
      // A phone that saves power refuses; the visit goes on.
    }
  }
}
