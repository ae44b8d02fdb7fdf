/**
 * Figures for whoever measures the product, as `window.__handlensSent`, read only: what became of the camera's frames on
 * this side. Nothing of a person is in it. The console's own figures are in `console/measure.ts`.
 */
import type { Sent } from '../realtime/publisher';

declare global {
  interface Window {
    readonly __handlensSent?: Sent | undefined;
  }
}

/** Shows the counters of whatever publishes at the moment. */
export function measure(sent: () => Sent | undefined): void {
  Object.defineProperty(window, '__handlensSent', { get: sent });
}
