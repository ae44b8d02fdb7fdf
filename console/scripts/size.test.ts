// The negative control of size.mjs: pages that are planted, too large in one way each.
import { spawnSync } from 'node:child_process';
import { createCipheriv } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';

const KILOBYTE = 1024;
const PAGE = '<script type="module" src="/assets/join.js"></script>';

const planted: string[] = [];
afterEach(() => planted.splice(0).forEach((folder) => rmSync(folder, { recursive: true })));

/** What size.mjs ends with for a page of these files. */
function exit(files: Record<string, string | Buffer>): number | null {
  const dist = mkdtempSync(join(tmpdir(), 'handlens-size-'));
  planted.push(dist);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dist, name)), { recursive: true });
    writeFileSync(join(dist, name), content);
  }
  const script = fileURLToPath(new URL('size.mjs', import.meta.url));
  return spawnSync(process.execPath, [script], { env: { ...process.env, HANDLENS_DIST: dist } }).status;
}

/** A script of that many bytes which no compression makes smaller, and the same each time. */
function noise(bytes: number): Buffer {
  return createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(bytes));
}

test('a page that is small enough passes', () => {
  expect(exit({ 'join.html': PAGE, 'assets/join.js': noise(90 * KILOBYTE) })).toBe(0);
});

test('99 KB in a script of the page are refused', () => {
  expect(exit({ 'join.html': PAGE, 'assets/join.js': noise(99 * KILOBYTE) })).toBe(1);
});

test('99 KB in a script that is loaded later are refused', () => {
  const later = noise(99 * KILOBYTE);
  expect(exit({ 'join.html': PAGE, 'assets/join.js': "import('./later.js');", 'assets/later.js': later })).toBe(1);
});

test('a page without scripts, and no page, are refused', () => {
  expect(exit({ 'join.html': '<p>Nothing.</p>' })).toBe(1);
  expect(exit({})).toBe(1);
});
