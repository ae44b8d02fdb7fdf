// The whole line with a browser patient: a real server process, two real Chromiums, a fake camera.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

import { violations } from './lib/axe.mjs';
import { clean, look, stage } from './lib/house.mjs';

const run = promisify(execFile);
const { serve, technician, guest, house, patient, live } = stage();

/** A picture so old is no late one: what was on the way has come. */
const OVER_MS = 1_000;
/** Two of the patient's records of presence, which go on while the camera is dark. */
const DARK_MS = 4_000;

// Invite, join, admit, live, freeze, note, end: both sides see what the screens promise, and the log verifies offline.
test('a session from the invite to the proof', async () => {
  const { server, sam, ada, me } = await live();
  await sam.frames(me.participant, 30);
  const { codec, width, height } = await sam.figures(me.participant);
  assert.match(codec, /^avc1\.[0-9a-f]{6}$/i);
  assert.ok(width >= 320 && height >= 240, `${width}×${height}`);

  await sam.button('Freeze').click();
  await ada.page.getByText(/is looking at (this|a still) picture/).waitFor();
  await sam.button('Back to live').click();
  await ada.page.getByText(/is looking at (this|a still) picture/).waitFor({ state: 'detached' });
  await sam.frames(me.participant, 5);

  await ada.button('Pause').click();
  await ada.heading('Paused. No one can see your camera.').waitFor();
  await sam.page.getByText('They pressed Pause.').waitFor();
  await ada.button('Go on').click();
  await sam.frames(me.participant, 5);

  await sam.writeNote('Healing well.');
  const session = sam.session;
  await sam.end();
  await ada.heading('Finished. Your camera is off.').waitFor();
  // The console asks who is logged in before anybody is.
  clean(sam, /401 \(Unauthorized\)/);
  clean(ada);

  const staff = await server.logIn();
  const { entries } = await staff.get(`/api/sessions/${session}/log`);
  const actions = new Set(entries.map(({ action }) => action));
  for (const action of ['session.create', 'invite.create', 'invite.redeem', 'consent.grant', 'participant.admit', 'realtime.lease', 'session.freeze', 'session.note', 'session.end', 'realtime.lease_end']) {
    assert.ok(actions.has(action), `${action} is missing`);
  }
  const file = path.join(server.folder, 'log.ndjson');
  await run(process.env.HANDLENS_BIN, ['audit', 'export', '--data', server.data, '--out', file]);
  const { stdout: key } = await run(process.env.HANDLENS_BIN, ['admin', 'vkey', '--data', server.data]);
  const { stdout } = await run(process.env.HANDLENS_BIN, ['audit', 'verify', file, '--key', key.trim()]);
  assert.match(stdout, /Verified: complete/);
});

// Where UDP is blocked the picture comes by the HTTPS port.
test('a live picture where UDP is blocked', async () => {
  const { server, sam, me } = await live({ server: { udpBlocked: true } });
  await sam.frames(me.participant, 10);
  assert.ok(server.swallowed > 0, 'nobody tried UDP');
});

// Taking the camera consent back ends the picture: no frame leaves the patient's page and none comes to the console, while
// the picture on the stage grows old; giving it again brings it back.
test('a withdrawn consent stops the picture', async () => {
  const { sam, ada, me } = await live();
  await ada.page.getByRole('button', { name: /can see this now/ }).click();
  await ada.page.getByRole('switch', { name: 'Camera' }).click();
  await sam.page.getByText('They took back their consent to the camera.').waitFor();
  const counts = async () => {
    const { frames_received, last_frame_us } = await sam.figures(me.participant);
    return { frames_received, last_frame_us, sent: await ada.page.evaluate(() => window.__handlensSent?.sent) };
  };
  await sam.oldPicture(me.participant, OVER_MS);
  const dark = await counts();
  assert.ok(dark.frames_received > 0 && dark.sent > 0, 'there was a picture before');
  await sam.oldPicture(me.participant, OVER_MS + DARK_MS);
  assert.deepEqual(await counts(), dark);
  await ada.button('Start camera').click();
  await sam.page.getByText('They took back their consent to the camera.').waitFor({ state: 'detached' });
  await sam.page.waitForFunction(
    ([id, before]) => window.__handlens.cameras[id].frames_received > before,
    [me.participant, dark.frames_received],
  );
});

// A reload in the waiting room and while live keeps the place: the device is the same one.
test('a reload keeps the place', async () => {
  const { sam, link } = await house();
  const ada = await patient(link);
  await ada.startCamera();
  const { participant } = await ada.me();
  await sam.waitForGuest();
  await ada.page.reload();
  await ada.startCamera();
  assert.equal((await ada.me()).participant, participant);
  assert.deepEqual(await sam.guests(), [{ id: participant, presence: 'waiting' }]);
  await sam.admit();
  await ada.live();
  await sam.picture(participant);
  await ada.page.reload();
  await ada.button('Start camera').click();
  await ada.live();
  assert.equal((await ada.me()).participant, participant);
  assert.deepEqual(await sam.guests(), [{ id: participant, presence: 'admitted' }]);
  await sam.frames(participant, 5);
});

// The camera's picture changes its size and shape while it is sent, as when a phone is turned: pictures keep coming, whole
// and in their new size. (Chromium crops and scales such frames, and refuses a copy of one that names no size to show.)
test('a picture that changes its size keeps coming', async () => {
  const { sam, ada, me } = await live({
    prepare: (page) =>
      page.addInitScript(() => {
        const ask = MediaDevices.prototype.getUserMedia;
        MediaDevices.prototype.getUserMedia = async function (wanted) {
          const stream = await ask.call(this, wanted);
          [globalThis.cameraTrack] = stream.getVideoTracks();
          return stream;
        };
      }),
  });
  for (const [width, height] of [[360, 640], [1280, 720], [482, 362], [640, 480]]) {
    const settled = await ada.page.evaluate(async (size) => {
      await globalThis.cameraTrack.applyConstraints({ ...size, resizeMode: 'crop-and-scale' });
      const { width, height } = globalThis.cameraTrack.getSettings();
      return { width, height };
    }, { width: { exact: width }, height: { exact: height } });
    assert.deepEqual(settled, { width, height });
    await sam.page.waitForFunction(
      ([id, width, height]) => {
        const camera = window.__handlens.cameras[id];
        return camera.width === width && camera.height === height;
      },
      [me.participant, width, height],
    );
    await sam.frames(me.participant, 5);
  }
  clean(ada);
});

// The event about a new link beats the answer that has its secret: the link is shown all the same.
test('a link is shown also when the event is faster', async () => {
  const { sam, link } = await house();
  await sam.button('Cancel invite').click();
  await sam.page.getByRole('heading', { name: 'The link was turned off' }).waitFor();
  await sam.page.evaluate(() => {
    const ask = globalThis.fetch;
    globalThis.fetch = async (...request) => {
      const answer = await ask(...request);
      if (/\/invites$/.test(String(request[0]))) await new Promise((arrive) => (globalThis.letArrive = arrive));
      return answer;
    };
  });
  await sam.page.getByLabel('They agreed to a text').check();
  await sam.button('Make a new link').click();
  await sam.page.getByText('The link itself is no longer shown.').waitFor();
  await sam.page.waitForFunction(() => globalThis.letArrive !== undefined);
  await sam.page.evaluate(() => globalThis.letArrive());
  assert.notEqual(await sam.link(), link);
});

// S7 and the console's page after the end: said once by the patient, seen by the technician, and the number to call.
test('it helped', async () => {
  const { sam, ada } = await live();
  await sam.end();
  await ada.heading('Finished. Your camera is off.').waitFor();
  assert.equal(await ada.page.getByRole('link', { name: 'Call City Clinic' }).getAttribute('href'), 'tel:+15550100100');
  await sam.page.getByText('Nothing said yet').waitFor();
  await ada.button('It helped').click();
  await ada.page.getByText('Thank you for telling us.').waitFor();
  await sam.button('Look again').click();
  await sam.page.getByText('Guest 1: It helped').waitFor();
  await sam.page.getByText('Guest 1: Camera').waitFor();
  // After a reload it can be said again, which changes nothing.
  await ada.page.reload();
  await ada.button('It did not').click();
  await ada.page.getByText('Thank you for telling us.').waitFor();
  await sam.button('Show the log').click();
  await sam.page.getByText('Guest 1 allowed the camera, signed on their device.').waitFor();
  await sam.page.getByText('Guest 1 said that it helped.').waitFor();
});

// A link that was turned off still says whose it was, and how to call them.
test('a dead link says whom to call', async () => {
  const { sam, link } = await house();
  await sam.button('Cancel invite').click();
  await sam.page.getByRole('heading', { name: 'The link was turned off' }).waitFor();
  const ada = await guest();
  await ada.page.goto(link);
  await ada.heading('This link was turned off.').waitFor();
  assert.equal(await ada.page.getByRole('link', { name: 'Call City Clinic' }).count(), 2);
  assert.deepEqual(await violations(ada.page), []);
});

// "Not me": the link is dead, and the page says sorry.
test('not me', async () => {
  const { sam, link } = await house();
  const stranger = await patient(link);
  await stranger.button('Not me').click();
  await stranger.heading('Sorry.').waitFor();
  await sam.page.getByRole('heading', { name: 'The link was turned off' }).waitFor();
});

// Another phone is told why not, asks, and is admitted in the first one's place, which is then out.
test('the link is open on another phone', async () => {
  const { server, sam, link } = await house();
  const first = await patient(link);
  await first.startCamera();
  const second = await guest();
  await second.page.goto(link);
  await second.heading('This link is open on another phone.').waitFor();
  await second.button('Use this phone').click();
  await second.heading('Your camera is on. Only you can see it.').waitFor();
  const { participant } = await second.me();
  const staff = await server.logIn();
  await staff.post(`/api/sessions/${sam.session}/participants/${participant}/admit`);
  await second.live();
  assert.equal((await first.page.evaluate(async () => (await fetch('/api/guest')).status)), 401);
});

// A browser without a camera is told so, and the link is not spent.
test('a phone without a camera does not spend the link', async () => {
  const { server, link } = await house();
  const blind = await guest('desk');
  await blind.page.goto(link);
  await blind.button('Start camera').click();
  await blind.heading(/camera|did not work/i).waitFor();
  const secret = link.split('#')[1];
  assert.equal((await server.client().post('/api/invites/peek', { secret })).used, false);
});

// Every screen of both pages can be read and used at two widths and two sizes of text, and by keyboard.
test('both pages are accessible', async () => {
  const found = [];
  const server = await serve();
  const sam = await technician(server);
  await sam.page.goto(`${server.origin}/setup#${await server.secret()}`);
  await look(found, 'setup', sam.page);
  await sam.setUp(`${server.origin}/setup#${await server.secret()}`);
  await look(found, 'sessions, empty', sam.page);
  const stranger = await technician(server);
  await stranger.page.goto(server.origin);
  await stranger.button('Log in').waitFor();
  await look(found, 'login', stranger.page);
  await sam.page.goto(`${server.origin}/sessions/new`);
  await look(found, 'new session', sam.page);
  await sam.page.goto(server.origin);
  const link = await sam.openSession({ title: 'Wound check', name: 'Ada Example' });
  await look(found, 'invite', sam.page);
  const ada = await patient(link);
  await look(found, 'S1', ada.page);
  await ada.startCamera();
  await look(found, 'S2', ada.page);
  await sam.waitForGuest();
  await look(found, 'waiting room', sam.page);
  await sam.admit();
  await ada.live();
  await sam.picture((await ada.me()).participant);
  await look(found, 'live', sam.page);
  await look(found, 'S3', ada.page);
  await ada.button('Pause').click();
  await ada.heading('Paused. No one can see your camera.').waitFor();
  await look(found, 'S5', ada.page);
  await sam.end();
  await look(found, 'ended', sam.page);
  await ada.heading('Finished. Your camera is off.').waitFor();
  await look(found, 'S7', ada.page);
  assert.deepEqual(found, []);
});
