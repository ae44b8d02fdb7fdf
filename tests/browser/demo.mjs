// The whole line, unattended, with a picture of every step. Run by `cargo xtask demo --check`; its last line of standard
// output is the report, one JSON object; `xtask` judges it.
//
// Three guests come to one session: Ada with a browser, Ben with a phone that knows where it is, and Cleo with one that does
// not. The two phones are the real core with a screenless shell, looking at a photograph through a hand-held camera.

import { execFile } from 'node:child_process';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';

import { launch } from './lib/browser.mjs';
import { Patient, Technician } from './lib/people.mjs';
import { Phone } from './lib/phone.mjs';
import { CITY_CLINIC, Server } from './lib/server.mjs';
import { Shots } from './lib/shots.mjs';
import { compare, percentile, readTruth } from './lib/truth.mjs';

const { values } = parseArgs({
  options: { out: { type: 'string', default: 'demo' }, 'udp-blocked': { type: 'boolean' }, keep: { type: 'boolean' } },
});
const run = promisify(execFile);
const shots = new Shots(values.out);
const report = {};
const done = [];
/** Two phones, two browsers and a server share one machine, perhaps a small one. */
const SIZE = '640x360';
const SCENE = path.resolve(import.meta.dirname, '../data/coffee.jpg');

/** How long each picture is watched for the figures, frames. */
const WATCHED = 300;

async function line() {
  const server = await Server.start({ udpBlocked: values['udp-blocked'], keep: values.keep });
  done.push(() => server.stop());
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'handlens-phones-'));
  done.push(() => fs.rm(folder, { recursive: true, force: true }));
  const [desk, phone] = await Promise.all([launch(), launch({ camera: true })]);
  done.push(() => Promise.all([desk.close(), phone.close()]));

  const sam = await firstStart(server, desk);
  const { ada, me } = await browserPatient(sam, phone);
  await markedStill(sam, ada);
  const photos = [await photoInTheBrowser(sam, ada)];
  const frames = [await pausedAndAccounted(sam, ada, me)];

  const staff = await server.logIn(CITY_CLINIC);
  const phones = [
    await phoneOnAScene(sam, staff, { name: 'with_poses', number: 2, args: ['--seed', '3'], folder }),
    await phoneOnAScene(sam, staff, { name: 'without_poses', number: 3, args: ['--seed', '5', '--no-tracking'], folder }),
  ];
  photos.push(await photoOnThePhone(sam, phones[1]));
  await ada.button('Go on').click();
  await sam.frames(me.participant, 10);

  await noteAndEnd(sam, ada);
  for (const one of phones) frames.push(await accountOfPhone(sam, one));
  tellFrames(frames);
  await tellMarks(phones);
  report.snapshot = {
    bytes: photos[0].bytes,
    sha256_match: photos.every(({ match }) => match),
    receipt_verified: photos.every(({ verified }) => verified),
    count: photos.length,
  };
  await proof(server, staff, sam.session);
  if (values['udp-blocked'] && server.swallowed === 0) throw new Error('UDP was said to be blocked and nobody tried it');
}

async function firstStart(server, desk) {
  say('first start, log in');
  const sam = await Technician.open(desk, server.origin);
  const link = `${server.origin}/setup#${await server.secret()}`;
  await sam.page.goto(link);
  await shots.take(sam.page, 'console-setup');
  await sam.setUp(link);
  await shots.take(sam.page, 'console-sessions');
  return sam;
}

/** Ada, with a browser: invited, in the waiting room, admitted, live. */
async function browserPatient(sam, phone) {
  say('invite');
  const link = await sam.openSession({
    title: 'Wound check, left knee',
    agenda: 'See the dressing. Decide whether it is changed today.',
    name: 'Ada Example',
    phone: '+1 555 0134',
  });
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
  return { ada, me };
}

/** Both look at one still; what is drawn on it is seen on both sides. */
async function markedStill(sam, ada) {
  say('freeze, draw on the still, go on');
  await sam.button('Freeze').click();
  await ada.page.getByText(/is looking at (this|a still) picture/).waitFor();
  await sam.point(0.5, 0.3);
  await sam.arrow(0.25, 0.75, 0.45, 0.6);
  await ada.page.locator('[data-marks="2"]').waitFor();
  await shots.take(sam.page, 'console-frozen-with-marks');
  await shots.take(ada.page, 'patient-frozen-with-marks');
  await sam.button('Back to live').click();
  await ada.page.getByText(/is looking at (this|a still) picture/).waitFor({ state: 'detached' });
}

/** Asked for, agreed to in signed words, sealed in the browser, opened at the desk. */
async function photoInTheBrowser(sam, ada) {
  say('a photo from the browser');
  await sam.askPhoto();
  await shots.take(ada.page, 'patient-s4-photo');
  await ada.allowPhoto();
  const [object] = await sam.storedPhotos(1);
  const taken = await ada.receipt();
  const opened = await sam.openPhoto(object);
  await shots.take(sam.page, 'console-photo');
  await sam.closePhoto();
  return {
    bytes: taken.bytes,
    match: taken.object === object && taken.sha256 === opened.sha256 && taken.bytes === opened.bytes,
    verified: taken.receipt_verified,
  };
}

/** Ada pauses: nothing is on its way any more, and every frame can be told. */
async function pausedAndAccounted(sam, ada, me) {
  say('pause: every frame is accounted for');
  await ada.button('Pause').click();
  await ada.heading('Paused. No one can see your camera.').waitFor();
  await sam.page.getByText('They pressed Pause.').waitFor();
  await shots.take(ada.page, 'patient-s5-paused');
  // What is still on its way arrives or is given up within the console's patience.
  await sam.page.waitForFunction((id) => window.__handlens.cameras[id].frames_waiting === 0, me.participant);
  const { sent, dropped } = await ada.page.evaluate(() => window.__handlensSent);
  return account(sent, dropped.busy + dropped.rate + dropped.fault, await sam.figures(me.participant));
}

/** A phone comes, is let in and put on the stage; three marks are drawn while its camera moves, and watched. */
async function phoneOnAScene(sam, staff, { name, number, args, folder }) {
  say(`a phone ${name.replace('_', ' ')}`);
  const { link } = await staff.post(`/api/sessions/${sam.session}/invites`, { agreed: true });
  const record = path.join(folder, name);
  const state = path.join(folder, `${name}.state`);
  const phone = new Phone(link, ['--scene', SCENE, '--size', SIZE, '--record', record, '--state', state, '--photo', 'yes', ...args]);
  done.push(() => phone.stop());
  const { participant } = await phone.event('joined');
  await sam.admit();
  await phone.event('live');
  await sam.page.getByRole('list', { name: 'Cameras' }).getByRole('button', { name: `Guest ${number}` }).click();
  await sam.picture(participant);
  await sam.frames(participant, 30);

  const marks = [await sam.point(0.45, 0.42)];
  marks.push(await sam.arrow(0.2, 0.3, 0.36, 0.36));
  await sam.button('Pink').click();
  marks.push(await sam.pen([[0.55, 0.5], [0.6, 0.44], [0.66, 0.5], [0.6, 0.56], [0.56, 0.52]]));
  await sam.frames(participant, WATCHED / 2);
  await shots.take(sam.page, `console-marks-${name.replace('_', '-')}`);

  await sam.button('Freeze').click();
  await phone.event('frozen', ({ frame_us }) => frame_us > 0);
  await shots.take(sam.page, `console-frozen-${name.replace('_', '-')}`);
  await sam.button('Back to live').click();
  await sam.frames(participant, WATCHED / 2);
  const painted = await sam.paintings(participant);
  await shots.keep(`phone-owner-${name.replace('_', '-')}`, await newestPicture(record), 'jpg');
  return { name, phone, participant, record, marks, painted };
}

/** The same from a phone: hashed before its vault, and what was downloaded. */
async function photoOnThePhone(sam, { phone }) {
  say('a photo from a phone');
  await sam.askPhoto();
  const taken = await phone.event('photo');
  const stored = await sam.storedPhotos(2);
  const { verified } = await phone.event('receipt', ({ object }) => object === taken.object);
  const opened = await sam.openPhoto(taken.object);
  await shots.take(sam.page, 'console-photo-of-phone');
  await sam.closePhoto();
  const match = stored.includes(taken.object) && taken.sha256 === opened.sha256 && taken.bytes === opened.bytes;
  return { bytes: taken.bytes, match, verified };
}

async function noteAndEnd(sam, ada) {
  say('note, end');
  await sam.writeNote('Dressing dry, no redness. Change it on Thursday.');
  await shots.take(sam.page, 'console-note');
  await sam.page.getByRole('tab', { name: 'Marks' }).click();
  await shots.take(sam.page, 'console-marks-list');
  await sam.page.getByRole('tab', { name: 'Log' }).click();
  await sam.page.getByText('admitted a guest').first().waitFor();
  await shots.take(sam.page, 'console-log');
  await sam.end();
  await shots.take(sam.page, 'console-ended');
  await ada.heading('Finished. Your camera is off.').waitFor();
  await shots.take(ada.page, 'patient-s7-finished');
}

async function proof(server, staff, session) {
  say('export, verify');
  const file = path.join(shots.folder, 'log.ndjson');
  await run(process.env.HANDLENS_BIN, ['audit', 'export', '--data', server.data, '--out', file]);
  const key = (await run(process.env.HANDLENS_BIN, ['admin', 'vkey', '--data', server.data])).stdout.trim();
  const verified = await run(process.env.HANDLENS_BIN, ['audit', 'verify', file, '--key', key]);
  const { entries } = await staff.get(`/api/sessions/${session}/log`);
  report.audit = { entries: entries.length, verified: verified.stdout.startsWith('Verified: complete') };
}

/** What a phone sent, once it ended with the session. */
async function accountOfPhone(sam, { phone, participant }) {
  const { how } = await phone.event('over');
  const code = await phone.ended();
  if (how !== 'finished' || code !== 0) throw new Error(`a phone ended with "${how}" and ${code}:\n${phone.stderr}`);
  const { sent, dropped } = await phone.event('frames');
  return account(sent, dropped.busy + dropped.rate + dropped.fault + dropped.unsent, await sam.figures(participant));
}

/** Where every frame of one camera went: what it gave while somebody watched is shown, or dropped in a place that is told. */
function account(sent, on_the_phone, { frames_received, frames_shown, dropped }) {
  if (frames_received > sent) throw new Error(`${frames_received} frames were received and ${sent} sent`);
  const given = sent + on_the_phone;
  return { sent: given, shown: frames_shown, dropped: given - frames_shown, on_the_phone, on_the_way: sent - frames_received, in_the_console: dropped };
}

function tellFrames(frames) {
  const sum = (name) => frames.reduce((total, one) => total + one[name], 0);
  report.frames = { sent: sum('sent'), shown: sum('shown'), dropped: sum('dropped'), cameras: frames };
}

async function tellMarks(phones) {
  report.mark_error_px = {};
  report.marks = {};
  report.wrong_while_tracked = 0;
  for (const { name, record, marks, painted } of phones) {
    const found = compare(painted, await readTruth(path.join(record, 'truth.ndjson')), marks);
    const { errors_px, wrong_while_tracked, ...counts } = found;
    report.mark_error_px[name] = { p50: rounded(percentile(errors_px, 0.5)), p95: rounded(percentile(errors_px, 0.95)) };
    report.marks[name] = counts;
    report.wrong_while_tracked += wrong_while_tracked;
  }
}

async function newestPicture(folder) {
  const pictures = (await fs.readdir(folder)).filter((name) => name.endsWith('.jpg'));
  const newest = pictures.toSorted((a, b) => Number(/\d+/.exec(a)[0]) - Number(/\d+/.exec(b)[0])).at(-1);
  return fs.readFile(path.join(folder, newest));
}

const rounded = (value) => (value === undefined ? null : Math.round(value * 1000) / 1000);

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
