/**
 * What this browser is, as far as a text must name it. The user agent only chooses words; whether a camera works is found
 * out by asking for it.
 */
import type { Verdict } from './machine';

/** A browser that can open the page when an app's own window cannot. */
export type WayOut = 'safari' | 'chrome' | 'browser';

/** Windows inside other apps say so by these. */
const IN_APP = /; wv\)|FBAN|FBAV|FB_IAB|Instagram|Line\/|MicroMessenger|Snapchat|GSA\//;

export function insideApp(agent: string): boolean {
  return IN_APP.test(agent) || (isIos(agent) && !agent.includes('Safari/'));
}

export function wayOut(agent: string): WayOut {
  if (isIos(agent)) return 'safari';
  return agent.includes('Android') ? 'chrome' : 'browser';
}

/** An address that leaves the app for the right browser, link and all; `undefined` where there is none. */
export function wayOutUrl(agent: string, page: URL): string | undefined {
  switch (wayOut(agent)) {
    case 'safari':
      return page.protocol === 'https:' ? `x-safari-${page.href}` : undefined;
    case 'chrome':
      return `intent://${page.host}${page.pathname}${page.hash}#Intent;scheme=${page.protocol.slice(0, -1)};package=com.android.chrome;end`;
    case 'browser':
      return undefined;
  }
}

/** Before anything is asked: no way to a camera, or no way to send its picture. */
export function verdict(agent: string): Verdict {
  if (!('mediaDevices' in navigator)) return insideApp(agent) ? 'in-app' : 'old-browser';
  return 'VideoEncoder' in globalThis ? 'fine' : 'old-browser';
}

/** What staff read, e.g. `Chrome on Android`. No version, nothing that marks one person. */
export function deviceLabel(agent: string): string {
  const system = isIos(agent)
    ? 'iPhone or iPad'
    : agent.includes('Android')
      ? 'Android'
      : agent.includes('Windows')
        ? 'Windows'
        : agent.includes('Mac OS')
          ? 'Mac'
          : agent.includes('CrOS')
            ? 'Chromebook'
            : 'Linux';
  const browser = /Edg/.test(agent)
    ? 'Edge'
    : /SamsungBrowser/.test(agent)
      ? 'Samsung Internet'
      : /Firefox|FxiOS/.test(agent)
        ? 'Firefox'
        : /Chrome|CriOS|Chromium/.test(agent)
          ? 'Chrome'
          : /Safari/.test(agent)
            ? 'Safari'
            : 'Browser';
  return `${browser} on ${system}`;
}

const isIos = (agent: string) => /iPhone|iPad|iPod/.test(agent);
