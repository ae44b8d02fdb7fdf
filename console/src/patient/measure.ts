/**
 * Figures for whoever measures the product, read only: `window.__handlensSent`, what became of the camera's frames on this
 * side, and `window.__handlensPhoto`, what became of the last photo. Nothing of a person is in it. The console's own figures are in `console/measure.ts`.
 */
import type { Sent } from '../realtime/publisher';

/** The last photo that was sealed here. */
export interface PhotoFigures {
  object: string;
  /** Of the plaintext: what is said of the picture, and the JPEG. */
  bytes: number;
  /** Of the same bytes, before they were sealed. */
  sha256: string;
  receipt_verified: boolean;
}

declare global {
  interface Window {
    readonly __handlensSent?: Sent | undefined;
    readonly __handlensPhoto?: Readonly<PhotoFigures> | undefined;
  }
}

let photo: PhotoFigures | undefined;

/** Takes what is new of a photo; news of an older one than the last is passed over. */
export function measurePhoto(news: PhotoFigures | Pick<PhotoFigures, 'object' | 'receipt_verified'>): void {
  if ('sha256' in news) photo = news;
  else if (photo?.object === news.object) photo = { ...photo, ...news };
}

/** Shows the counters of whatever publishes at the moment. */
export function measure(sent: () => Sent | undefined): void {
  Object.defineProperty(window, '__handlensSent', { get: sent });
  Object.defineProperty(window, '__handlensPhoto', { get: () => photo });
}
