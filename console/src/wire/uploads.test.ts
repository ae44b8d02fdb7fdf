import { readFileSync } from 'node:fs';
import { afterEach, expect, test, vi } from 'vitest';
import { announce } from './uploads';

/** What a phone writes too, and the server reads: `core/upload/tests/metadata.rs`. */
interface Golden {
  object: string;
  bytes: number;
  sha256: string;
  seal: string;
  request?: string;
  upload_length: string;
  upload_metadata: string;
}
const path = new URL('../../../tests/vectors/protocol/upload.json', import.meta.url);
const { uploads } = JSON.parse(readFileSync(path, 'utf8')) as { uploads: Golden[] };
const bytes = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));

afterEach(() => {
  vi.unstubAllGlobals();
});

/** An announcement has the golden headers, letter for letter. */
test('an announcement is golden', async () => {
  const sent: unknown[] = [];
  vi.stubGlobal('fetch', (_: string, { headers }: RequestInit) => {
    sent.push(headers);
    return Promise.resolve(new Response(null, { status: 201 }));
  });
  expect(uploads.map(({ request }) => request !== undefined)).toEqual([false, true]);
  for (const { object, bytes: length, sha256, seal, request } of uploads) {
    await announce({ object, bytes: length, sha256: bytes(sha256), seal: bytes(seal), request });
  }
  expect(sent).toEqual(
    uploads.map(({ upload_length, upload_metadata }) => ({
      'tus-resumable': '1.0.0',
      'upload-length': upload_length,
      'upload-metadata': upload_metadata,
    })),
  );
});
