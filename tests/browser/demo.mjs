// The whole line, unattended, with a picture of every step. Run by `cargo xtask demo --check`; its last line of standard
// output is the report, one JSON object. What is not built yet is not in it, and `xtask` says so and fails.

import { execFile } from 'node:child_process';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';

import { launch } from './lib/browser.mjs';
import { Patient, Technician } from './lib/people.mjs';
import { CITY_CLINIC, Server } from './lib/server.mjs';
import { Shots } from './lib/shots.mjs';

const { values } = parseArgs({
  options: { out: { type: 'string', default: 'demo' }, 'udp-blocked': { type: 'boolean' }, keep: { type: 'boolean' } },
});
const run = promisify(execFile);
const shots = new Shots(values.out);
const report = {};
const done = [];

/** How long the picture is watched for the figures, frames. */
const WATCHED = 300;

async function line() {
  const server = await Server.start({ udpBlocked: values['udp-blocked'], keep: values.keep });
  done.push(() => server.stop());
  const [desk, phone] = await Promise.all([launch(), launch({ camera: true })]);
  done.push(() => Promise.all([desk.close(), phone.close()]));

  say('first start, log in');
  const sam = await Technician.open(desk, server.origin);
  await sam.page.goto(`${server.origin}/setup#${await server.secret()}`);
  await shots.take(sam.page, 'console-setup');
  await sam.setUp(`${server.origin}/setup#${await server.secret()}`);
  await shots.take(sam.page, 'console-sessions');

  say('invite');
  const link = await sam.openSession({
    title: 'Wound check, left knee',
    agenda: 'See the dressing. Decide whether it is changed today.',
    name: 'Ada Example',
    phone: '+1 555 0134',
  });
  const session = sam.session;
  await shots.take(sam.page, 'console-invite');

  say('join');
  const ada = await Patient.open(phone);
  await ada.tapLink(link);
  await shots.take(ada.page, 'patient-s1-ask');
  const redeemed = ada.page.waitForRequest('**/api/invites/redeem').then(() => Date.now());
  const tapped = Date.now();
  await ada.startCamera();
  const joined = Date.now();
  const me = await ada.me();
  await shots.take(ada.page, 'patient-s2-waiting');
  await sam.waitForGuest();
  await shots.take(sam.page, 'console-waiting-room');
  const admitting = Date.now();
  await sam.admit();
  await ada.live();
  // From the redemption to being admitted; the time between, in which a person would decide, is not counted.
  report.join_ms = joined - (await redeemed) + (Date.now() - admitting);

  say('live');
  const { first_paint_us } = await sam.picture(me.participant);
  report.first_frame_ms = Math.round(first_paint_us / 1000 - admitting) + (joined - tapped);
  await sam.frames(me.participant, WATCHED);
  await shots.take(sam.page, 'console-live');
  await shots.take(ada.page, 'patient-s3-live');
  const { p50, p95 } = (await sam.figures(me.participant)).capture_to_shown_ms;
  report.capture_to_shown_ms = { p50, p95 };

  say('freeze and go on');
  await sam.button('Freeze').click();
  await ada.page.getByText(/is looking at (this|a still) picture/).waitFor();
  await shots.take(sam.page, 'console-frozen');
  await shots.take(ada.page, 'patient-frozen');
  await sam.button('Back to live').click();
  await sam.frames(me.participant, 30);

  say('pause: every frame is accounted for');
  await ada.button('Pause').click();
  await ada.heading('Paused. No one can see your camera.').waitFor();
  await sam.page.getByText('They pressed Pause.').waitFor();
  await shots.take(ada.page, 'patient-s5-paused');
  report.frames = await account(sam, ada, me.participant);
  await ada.button('Go on').click();
  await sam.frames(me.participant, 10);

  say('note, end');
  await sam.writeNote('Dressing dry, no redness. Change it on Thursday.');
  await shots.take(sam.page, 'console-note');
  await sam.page.getByRole('tab', { name: 'Log' }).click();
  await sam.page.getByText('admitted a guest').waitFor();
  await shots.take(sam.page, 'console-log');
  await sam.end();
  await shots.take(sam.page, 'console-ended');
  await ada.heading('Finished. Your camera is off.').waitFor();
  await shots.take(ada.page, 'patient-s7-finished');

  say('export, verify');
  const file = path.join(shots.folder, 'log.ndjson');
  await run(process.env.HANDLENS_BIN, ['audit', 'export', '--data', server.data, '--out', file]);
  const key = (await run(process.env.HANDLENS_BIN, ['admin', 'vkey', '--data', server.data])).stdout.trim();
  const verified = await run(process.env.HANDLENS_BIN, ['audit', 'verify', file, '--key', key]);
  const staff = await server.logIn(CITY_CLINIC);
  const { entries } = await staff.get(`/api/sessions/${session}/log`);
  report.audit = { entries: entries.length, verified: verified.stdout.startsWith('Verified: complete') };

  if (values['udp-blocked'] && server.swallowed === 0) throw new Error('UDP was said to be blocked and nobody tried it');
}

/**
 * Where every frame of the camera went. `sent` is what the camera gave while somebody watched; what was dropped on the
 * phone, on the way and in the console is told apart.
 */
async function account(sam, ada, participant) {
  // Nothing is sent any more; what is still on its way arrives or is given up within the console's patience.
  await sam.page.waitForFunction((id) => window.__handlens.cameras[id].frames_waiting === 0, participant);
  const phone = await ada.page.evaluate(() => window.__handlensSent);
  const { frames_received, frames_shown, frames_dropped, dropped } = await sam.figures(participant);
  const { busy, rate, fault } = phone.dropped;
  const on_the_phone = busy + rate + fault;
  const on_the_way = phone.sent - frames_received;
  if (on_the_way < 0) throw new Error(`${frames_received} frames were received and ${phone.sent} sent`);
  return {
    sent: phone.sent + on_the_phone,
    shown: frames_shown,
    dropped: on_the_phone + on_the_way + frames_dropped,
    where: { on_the_phone, on_the_way, in_the_console: dropped },
  };
}

function say(step) {
  console.error(`· ${step}`);
}

try {
  await line();
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  for (const end of done.reverse()) await end().catch((error) => console.error(error));
  report.screens = shots.paths;
  console.log(JSON.stringify(report));
}
