import { describe, expect, test } from 'vitest';
import { deviceLabel, insideApp, wayOut, wayOutUrl } from './browser';
import { troubleOf } from './camera';

const IPHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)';
const SAFARI = `${IPHONE} Version/17.5 Mobile/15E148 Safari/604.1`;
const ANDROID = 'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36';
const INSTAGRAM = `${IPHONE} Mobile/15E148 Instagram 300.0.0`;
const WEBVIEW = 'Mozilla/5.0 (Linux; Android 13; Pixel 7; wv) AppleWebKit/537.36 Version/4.0 Chrome/126.0.0.0 Mobile Safari/537.36';

describe('a window inside another app', () => {
  /** Known by what it says, or on an iPhone by what it leaves out. */
  test('is known from a browser', () => {
    for (const agent of [INSTAGRAM, WEBVIEW, `${IPHONE} Mobile/15E148`, `${SAFARI} GSA/300`]) {
      expect(insideApp(agent)).toBe(true);
    }
    for (const agent of [SAFARI, ANDROID]) expect(insideApp(agent)).toBe(false);
  });

  /** The way out keeps the link's secret, or the patient would arrive with nothing. */
  test('has a way out with the whole link', () => {
    const page = new URL('https://help.cityclinic.org/j#AAECAwQFBgcICQoLDA0ODw');
    expect(wayOutUrl(INSTAGRAM, page)).toBe('x-safari-https://help.cityclinic.org/j#AAECAwQFBgcICQoLDA0ODw');
    expect(wayOutUrl(WEBVIEW, page)).toBe(
      'intent://help.cityclinic.org/j#AAECAwQFBgcICQoLDA0ODw#Intent;scheme=https;package=com.android.chrome;end',
    );
    expect(wayOutUrl('Mozilla/5.0 (X11; Linux x86_64)', page)).toBeUndefined();
    expect(wayOut(WEBVIEW)).toBe('chrome');
  });
});

/** Staff read what the device is, and nothing that marks one person's phone. */
test('a device is named and no more', () => {
  expect(deviceLabel(SAFARI)).toBe('Safari on iPhone or iPad');
  expect(deviceLabel(ANDROID)).toBe('Chrome on Android');
});

describe('a camera that does not open', () => {
  /** A person needs time to say no: a refusal at once came from the app, or from a switch set long ago. */
  test('was refused by a person, an app or a switch', () => {
    expect(troubleOf('NotAllowedError', 2_000, SAFARI)).toBe('denied');
    expect(troubleOf('NotAllowedError', 20, SAFARI)).toBe('blocked');
    expect(troubleOf('NotAllowedError', 20, INSTAGRAM)).toBe('in-app');
    expect(troubleOf('NotAllowedError', 2_000, INSTAGRAM)).toBe('denied');
  });

  /** Busy, missing, or anything else. */
  test('is told from one that is busy or not there', () => {
    expect(troubleOf('NotReadableError', 10, ANDROID)).toBe('in-use');
    expect(troubleOf('NotFoundError', 10, ANDROID)).toBe('old-browser');
    expect(troubleOf('', 10, ANDROID)).toBe('failed');
  });
});
