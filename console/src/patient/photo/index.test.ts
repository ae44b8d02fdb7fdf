import { afterEach, expect, test, vi } from 'vitest';
import { base64url } from '../../seal/encoding';
import type { GuestView } from '../../wire/types';
import type { OutboxNews } from './index';
import { Outbox } from './outbox';
import type { Outcome } from './send';

const sending = vi.hoisted(() => ({ outcome: Promise.resolve('received') as Promise<Outcome> }));
vi.mock('./send', () => ({ send: () => sending.outcome }));
vi.mock('../measure', () => ({ measurePhoto: () => undefined }));

const jpeg = { bytes: Uint8Array.of(0xff, 0xd8), width: 1, height: 1 };
const about = { capture_us: 1, taken_us: 1 };

async function place(): Promise<GuestView> {
  const pair = await crypto.subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, true, ['deriveBits']);
  const seal_key = base64url(new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey)));
  return { organisation: 'org_1', session: 'ses_1', seal_key, receipt_key: '' } as GuestView;
}

/** The photos of a page, and what they tell. */
async function page() {
  vi.stubGlobal('addEventListener', () => undefined);
  const news: OutboxNews[] = [];
  const refused: (string | undefined)[] = [];
  const { Photos } = await import('./index');
  const photos = new Photos({ onOutbox: (one) => news.push(one), onRefused: (request) => refused.push(request) });
  return { photos, news, refused };
}

afterEach(() => {
  vi.unstubAllGlobals();
});

/** One request, one photo: a second one for the same request, after a reload, is not kept. */
test('a request is answered once', async () => {
  sending.outcome = new Promise(() => undefined);
  const { photos, news } = await page();
  const view = await place();
  await photos.keep(view, jpeg, about, 'req_1');
  await photos.keep(view, jpeg, about, 'req_1');
  await vi.waitFor(() => {
    expect(news.at(-1)).toEqual({ waiting: 1, sent: 0, refused: 0, answers: ['req_1'] });
  });
  await photos.keep(view, jpeg, about, 'req_2');
  await vi.waitFor(() => {
    expect(news.at(-1)).toMatchObject({ waiting: 2, answers: ['req_1', 'req_2'] });
  });
});

/** A photo that the server will never take is told as that, with the request that it answers, and not as sent. */
test('a refused photo is told', async () => {
  sending.outcome = Promise.resolve('refused');
  const { photos, news, refused } = await page();
  await photos.keep(await place(), jpeg, about, 'req_1');
  await vi.waitFor(() => {
    expect(news.at(-1)).toEqual({ waiting: 0, sent: 0, refused: 1, answers: [] });
  });
  expect(refused).toEqual(['req_1']);
});

/** A storage that does not answer is asked twice, is not told as empty, and leaves its trace for the next load of the page. */
test('a storage that does not answer is not an empty one', async () => {
  const stored = new Map([['handlens.outbox', '1']]);
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => stored.set(key, value),
    removeItem: (key: string) => stored.delete(key),
  });
  let asked = 0;
  vi.stubGlobal('indexedDB', {
    open: () => {
      asked += 1;
      throw new Error('asleep');
    },
  });
  expect(await new Outbox().all()).toEqual({ parcels: [], whole: false });
  expect(asked).toBe(2);
  const { photos, news } = await page();
  await photos.send();
  expect(news).toEqual([]);
  expect(stored.has('handlens.outbox')).toBe(true);
});
