// The harness itself: what it says must be true, and each part of it can fail.

import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import fs from 'node:fs/promises';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { violations } from './lib/axe.mjs';
import { launch, open } from './lib/browser.mjs';
import { Client } from './lib/client.mjs';
import { unreachable } from './lib/keyboard.mjs';
import * as ports from './lib/ports.mjs';
import { Server } from './lib/server.mjs';
import { Shots } from './lib/shots.mjs';
import { apply, compare, inverse, percentile, pointsOf } from './lib/truth.mjs';

const GOOD = `<!doctype html><html lang="en"><title>Clinic</title><meta name="viewport" content="width=device-width">
<style>button { font-size: 1rem; padding: 1rem } body { font-size: 1rem }</style>
<main><h1>City Clinic</h1><p>Sam will see what your phone sees.</p><button>Start camera</button>
<div role="tablist" aria-label="Session"><button role="tab" aria-selected="true">Notes</button><button role="tab" tabindex="-1">Log</button></div></main>`;

let browser;
before(async () => (browser = await launch({ camera: true })));
after(() => browser?.close());

async function shown(html) {
  const page = await open(browser);
  await page.setContent(html);
  return page;
}

// A page that is in order passes, at both widths and both sizes of text.
test('axe finds nothing in a good page', async () => {
  assert.deepEqual(await violations(await shown(GOOD)), []);
});

// The negative control: a picture without words, grey on grey, text in px, and a page that is too wide are each found.
test('axe finds what is planted', async () => {
  const planted = GOOD.replace('<h1>', '<img src="data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7" width="900"><h1>').replace(
    '<p>',
    '<p style="color: #999; background: #aaa; font-size: 19px">',
  );
  const found = (await violations(await shown(planted))).join('\n');
  for (const what of ['image-alt', 'color-contrast', 'do not grow', 'scrolls sideways']) assert.match(found, new RegExp(what));
});

// Tab reaches every control, and arrows reach the rest of a group of tabs.
test('the keyboard reaches a good page', async () => {
  assert.deepEqual(await unreachable(await shown(GOOD)), []);
});

// The box of a dialog takes the focus from a script and is no control; a button in it is, and must be reached.
test('a dialog is no control, what is in it is', async () => {
  const dialog = (inside) => GOOD.replace('</main>', `</main><div role="dialog" aria-label="Keys" tabindex="-1">${inside}</div>`);
  assert.deepEqual(await unreachable(await shown(dialog('<button>Close</button>'))), []);
  const found = await unreachable(await shown(dialog('<button tabindex="-1">Close</button>')));
  assert.equal(found.length, 1);
  assert.match(found[0], /Close/);
});

// The negative control: a picture that acts like a button and cannot take the focus is found.
test('a control without a keyboard is found', async () => {
  const found = await unreachable(await shown(GOOD.replace('</main>', '<div role="button" onclick="1">End</div></main>')));
  assert.equal(found.length, 1);
  assert.match(found[0], /End/);
});

// The browser has what the patient's page needs: a camera with moving pictures, H.264 encoding, WebTransport.
test('the browser has a camera and an encoder', async () => {
  const listener = http.createServer((_, answer) => answer.setHeader('content-type', 'text/html').end('<!doctype html>')).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const page = await open(browser);
  await page.goto(`http://127.0.0.1:${listener.address().port}/`);
  const had = await page.evaluate(async () => {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 1280, height: 720 } });
    const [track] = stream.getVideoTracks();
    const frames = new MediaStreamTrackProcessor({ track }).readable.getReader();
    const times = [];
    while (times.length < 3) {
      const { value } = await frames.read();
      times.push(value.timestamp);
      value.close();
    }
    track.stop();
    const config = { codec: 'avc1.42e01f', width: 1280, height: 720, avc: { format: 'annexb' } };
    const { supported } = await VideoEncoder.isConfigSupported(config);
    return { moving: times[2] > times[0], supported, transport: typeof WebTransport };
  });
  listener.close();
  assert.deepEqual(had, { moving: true, supported: true, transport: 'function' });
});

// What goes wrong in a page is remembered: a test that expects no problem cannot miss one.
test('a page remembers its problems', async () => {
  const page = await shown(GOOD);
  assert.deepEqual(page.problems, []);
  const thrown = page.waitForEvent('pageerror');
  await page.evaluate(() => queueMicrotask(() => { throw new Error('planted'); }));
  await thrown;
  assert.deepEqual(page.problems, ['uncaught: planted']);
});

// A login made by a program works in the browser, although its cookie is `__Host-` and the server speaks plain HTTP.
test('a login is lent to a browser', async () => {
  const seen = [];
  const listener = http.createServer((request, answer) => {
    seen.push(request.headers.cookie);
    answer.setHeader('set-cookie', '__Host-staff=token; Path=/; Secure; HttpOnly; SameSite=Strict').end('{}');
  }).listen(0, 'localhost');
  await once(listener, 'listening');
  const client = new Client(`http://localhost:${listener.address().port}`);
  await client.post('/api/login');
  const page = await open(browser);
  await client.lend(page.context());
  await page.goto(client.origin);
  listener.close();
  assert.equal(seen[0], undefined);
  assert.equal(seen[1], '__Host-staff=token');
});

// The mute port takes datagrams and answers none.
test('a mute port stays mute', async () => {
  const mute = await ports.mute();
  const caller = dgram.createSocket('udp4');
  caller.on('message', () => assert.fail('the mute port answered'));
  const heard = dgram.createSocket('udp4');
  heard.bind(0, '127.0.0.1');
  await once(heard, 'listening');
  const echo = once(heard, 'message');
  caller.send('anybody?', mute.port, '127.0.0.1');
  caller.send('and here?', heard.address().port, '127.0.0.1');
  await echo;
  assert.equal(mute.datagrams(), 1);
  caller.close();
  heard.close();
  await mute.close();
});

// A server that does not come up is a failure with its own words in it, at once, and leaves no folder.
test('a server that dies is told with what it said', async () => {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'harness-'));
  const binary = path.join(folder, 'dies');
  await fs.writeFile(binary, '#!/bin/sh\necho "the disk is full" >&2\nexit 3\n', { mode: 0o755 });
  await assert.rejects(Server.start({ binary }), /ended \(3\)[\s\S]*the disk is full/);
  await assert.rejects(Server.start({ binary: path.join(folder, 'nothing') }), /cannot start/);
  await fs.rm(folder, { recursive: true });
});

// Pictures are numbered in their order and are PNG files.
test('pictures are kept in order', async () => {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'shots-'));
  const shots = new Shots(folder);
  const page = await shown(GOOD);
  await shots.take(page, 'first');
  await shots.take(page, 'second');
  assert.deepEqual(shots.paths.map((file) => path.basename(file)), ['01-first.png', '02-second.png']);
  assert.equal((await fs.readFile(shots.paths[1])).subarray(1, 4).toString(), 'PNG');
  await fs.rm(folder, { recursive: true });
});

// A mark that follows its print is right whatever the camera does, and one that stands still while the print moves is found out.
test('marks are held against the truth', () => {
  const tilted = (x) => [1.1, 0.05, x, -0.03, 0.95, 0.02, 0.08, -0.04, 1];
  const truth = new Map(Array.from({ length: 50 }, (_, frame) => [frame * 33_333, tilted(frame / 500)]));
  const mark = { id: 'mrk_1', capture_us: 33_333, geometry: { kind: 'arrow', from: { x: 0.4, y: 0.4 }, to: { x: 0.5, y: 0.6 } } };
  const onPrint = pointsOf(mark.geometry).map(({ x, y }) => apply(inverse(truth.get(33_333)), [x, y]));
  const painted = (place) => [...truth].map(([capture_us, now]) => ({
    capture_us, width: 1280, height: 720, marks: [{ id: 'mrk_1', state: 'tracked', points: place(now) }],
  }));
  const right = compare(painted((now) => onPrint.map((point) => apply(now, point))), truth, [mark]);
  assert.equal(right.tracked, 49, 'its own frame proves nothing');
  assert.ok(percentile(right.errors_px, 1) < 1e-6, String(percentile(right.errors_px, 1)));
  assert.equal(right.wrong_while_tracked, 0);
  assert.equal(right.never_tracked, 0);
  assert.equal(compare([], truth, [mark]).never_tracked, 1, 'the control: a mark nobody saw was never tracked');

  const still = compare(painted(() => [[0.4, 0.4], [0.5, 0.6]]), truth, [mark]);
  assert.ok(still.wrong_while_tracked > 30, 'the control: a mark that stands still is wrong');
  const off = compare(painted((now) => onPrint.map((point) => apply(now, point)).map(([x, y]) => [x + 1 / 640, y])), truth, [mark]);
  assert.ok(Math.abs(percentile(off.errors_px, 0.5) - 1) < 1e-6, 'one pixel is one pixel');
});
