// The server as a process: first start, log in, a kill, a blocked UDP port.

import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import { after, before, test } from 'node:test';

import { CITY_CLINIC, Server } from './lib/server.mjs';

let server;
before(async () => (server = await Server.start()));
after(() => server?.stop());

const refused = (code) => (error) => error.code === code;

// The one-time secret makes one organisation and its Super Admin; a wrong one makes none, and the right one no second.
test('the first start happens once', async () => {
  const secret = await server.secret();
  const stranger = server.client();
  const wrong = { ...CITY_CLINIC, secret: [...secret].reverse().join('') };
  await assert.rejects(stranger.post('/api/setup', wrong), refused('wrong-credentials'));
  const admin = await server.setUp();
  assert.equal((await admin.get('/api/me')).role, 'super_admin');
  await assert.rejects(stranger.post('/api/setup', { ...CITY_CLINIC, secret }), refused('setup-closed'));
  assert.deepEqual(await stranger.get('/api/setup'), { open: false });
});

// Who logged in stays logged in over a kill; who did not is nobody.
test('a login survives a kill of the server', async () => {
  const staff = await server.logIn();
  await assert.rejects(server.logIn({ ...CITY_CLINIC, password: 'not this one, surely' }), refused('wrong-credentials'));
  await server.kill();
  await server.resume();
  assert.equal((await staff.get('/api/me')).email, CITY_CLINIC.email);
  await assert.rejects(server.client().get('/api/me'), refused('not-logged-in'));
});

// With UDP blocked the server starts and tells the mute port; ended, it leaves nothing behind.
test('a server behind a blocked UDP port starts, and goes without a trace', async () => {
  const blocked = await Server.start({ udpBlocked: true });
  await blocked.setUp();
  const { folder } = blocked;
  await fs.access(folder);
  await blocked.stop();
  await assert.rejects(fs.access(folder));
});
