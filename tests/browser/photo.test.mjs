// Photos with a browser patient: asked for, allowed, refused, sealed in one browser and opened in another, over a real server.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { clean, look, stage } from './lib/house.mjs';

const { guest, house, patient, live } = stage();

/** What the console asks before anybody is logged in, and what an upload asks before it is announced. */
const MEANT = /401 \(Unauthorized\)|404 \(Not Found\)/;

/** A picture with something on it, as a file. */
async function picture(page, type = 'image/jpeg') {
  const data = await page.evaluate(async (type) => {
    const canvas = new OffscreenCanvas(800, 600);
    const context = canvas.getContext('2d');
    for (let x = 0; x < 800; x += 20) {
      context.fillStyle = `hsl(${x} 70% 50%)`;
      context.fillRect(x, 0, 20, 600);
    }
    const bytes = new Uint8Array(await (await canvas.convertToBlob({ type })).arrayBuffer());
    return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
  }, type);
  return { name: `photo.${type.split('/')[1]}`, mimeType: type, buffer: Buffer.from(data, 'base64') };
}

// Asked, allowed in signed words, taken, sealed, sent, opened: the same bytes at both ends, and nothing left on the phone.
test('a photo from the question to the picture', async () => {
  const { server, sam, ada } = await live();
  await sam.askPhoto();
  const said = await ada.page.getByRole('dialog').getByRole('heading').textContent();
  assert.equal(said, 'Sam wants to take a photo. City Clinic will keep it. You can say no.');
  await ada.allowPhoto();
  const [object] = await sam.storedPhotos(1);
  await sam.page.getByText('Asked for a photo…').waitFor({ state: 'detached' });
  const taken = await ada.receipt();
  assert.equal(taken.object, object);
  await ada.page.getByText('Photo sent').waitFor();

  assert.equal(await sam.page.locator('ul[aria-label="Photos"] img').count(), 0, 'nothing is seen before it is opened');
  const opened = await sam.openPhoto(object);
  assert.deepEqual(opened, { bytes: taken.bytes, sha256: taken.sha256 });
  await sam.page.waitForFunction(() => document.querySelector('[role="dialog"] canvas')?.width > 300);
  await sam.closePhoto();
  assert.equal(await sam.page.locator('ul[aria-label="Photos"] img').count(), 1);
  assert.deepEqual(await ada.outbox(), []);

  const staff = await server.logIn();
  const { entries } = await staff.get(`/api/sessions/${sam.session}/log`);
  const actions = entries.map(({ action }) => action);
  for (const action of ['snapshot.request', 'snapshot.receive', 'snapshot.read']) assert.ok(actions.includes(action), action);
  assert.ok(entries.some(({ action, object }) => action === 'consent.grant' && object === 'snapshots'), 'no signed consent');
  assert.ok(actions.indexOf('consent.grant') < actions.indexOf('snapshot.receive'));

  // The grant is in force: the next one is taken at once, and said quietly.
  await sam.button('Photo').click();
  await sam.storedPhotos(2);
  assert.equal(await ada.page.getByRole('dialog').count(), 0);
  // After the end it can still be opened.
  await sam.end();
  const again = await sam.openPhoto(object);
  assert.equal(again.sha256, taken.sha256);
  clean(ada, MEANT);
  clean(sam, MEANT);
});

// "No" is told to the technician, and nothing was taken; the next request asks again.
test('no is no', async () => {
  const { sam, ada } = await live();
  await sam.askPhoto();
  await ada.refusePhoto();
  await sam.page.getByText('They said no.').waitFor();
  assert.deepEqual(await sam.snapshots(), []);
  assert.deepEqual(await ada.outbox(), []);
  await sam.askPhoto();
  await ada.allowPhoto();
  await sam.storedPhotos(1);
});

// Withdrawn by the switch of "Who sees what", a photo is asked for again.
test('a withdrawn consent is asked for again', async () => {
  const { sam, ada } = await live();
  await sam.askPhoto();
  await ada.allowPhoto();
  await sam.storedPhotos(1);
  await ada.page.getByRole('button', { name: /can see this now/ }).click();
  const photos = ada.page.getByRole('switch', { name: 'Photos' });
  assert.equal(await photos.getAttribute('aria-checked'), 'true');
  await Promise.all([ada.page.waitForResponse((response) => response.url().endsWith('/api/guest/consents') && response.ok()), photos.click()]);
  await ada.page.getByText('Sam wants to take a photo. City Clinic will keep it. You can say no.').waitFor();
  await ada.button('Close').click();
  await sam.askPhoto();
  await ada.button('Yes, take photo').waitFor();
  assert.equal((await sam.snapshots()).length, 1);
});

// The connection breaks in the middle of an upload and the page is loaded anew: it goes on where the server is.
test('an upload goes on after a reload', async () => {
  const { sam, ada } = await live();
  let parts = 0;
  await ada.page.route('**/api/guest/uploads/*', async (route) => {
    if (route.request().method() !== 'PATCH') return route.continue();
    parts += 1;
    return parts === 1 ? route.continue() : route.abort('connectionreset');
  });
  // Larger than one part.
  await ada.page.evaluate(() => {
    globalThis.ImageCapture = class {
      async takePhoto() {
        const canvas = new OffscreenCanvas(1200, 900);
        const context = canvas.getContext('2d');
        const noise = context.createImageData(1200, 900);
        for (let at = 0; at < noise.data.length; at += 65536) crypto.getRandomValues(noise.data.subarray(at, at + 65536));
        for (let at = 3; at < noise.data.length; at += 4) noise.data[at] = 255;
        context.putImageData(noise, 0, 0);
        return canvas.convertToBlob({ type: 'image/jpeg', quality: 0.9 });
      }
    };
  });
  await sam.askPhoto();
  await ada.allowPhoto();
  await sam.page.getByText(/^Sending \d+ %$/).waitFor();
  const [kept] = await ada.outbox();
  const { sha256 } = await ada.page.evaluate(() => ({ ...window.__handlensPhoto }));
  assert.ok(kept.bytes > 256 * 1024, `${kept.bytes} bytes`);
  await ada.page.unroute('**/api/guest/uploads/*');
  const sent = [];
  ada.page.on('request', (request) => {
    if (request.method() === 'PATCH') sent.push(Number(request.headers()['upload-offset']));
  });
  await ada.page.reload();
  const [object] = await sam.storedPhotos(1);
  assert.equal(object, kept.object);
  assert.ok(Math.min(...sent) > 0, `the upload began anew: ${sent}`);
  assert.equal((await sam.openPhoto(object)).sha256, sha256);
  await ada.page.waitForFunction(() => localStorage.getItem('handlens.outbox') === null);
  assert.deepEqual(await ada.outbox(), []);
});

// The session ends while a photo is on its way: the last page says so, and then that it was sent; so does the console.
test('a photo is still sent after the end', async () => {
  const { sam, ada } = await live();
  let blocked = true;
  await ada.page.route('**/api/guest/uploads/*', (route) =>
    blocked && route.request().method() === 'PATCH' ? route.abort('connectionreset') : route.continue());
  await sam.askPhoto();
  await ada.allowPhoto();
  await sam.page.getByText('On phone').waitFor();
  await sam.end();
  await sam.page.getByText('One photo is not sent yet.').waitFor();
  await ada.page.getByText('One photo is still being sent. Keep this page open.').waitFor();
  blocked = false;
  await ada.page.getByText('Sent.', { exact: true }).waitFor();
  await sam.page.getByText('All of them are stored.').waitFor();
  assert.deepEqual(await ada.outbox(), []);
});

// A browser without a camera, and one without a video encoder: the link is spent after a photo was chosen and its words were
// agreed to, and the photo is in the session.
test('a photo in place of the camera', async () => {
  const { server, sam, link } = await house();
  const ada = await patient(link, { browser: 'desk' });
  await ada.choosePhoto('Send a photo instead', { name: 'letter.txt', mimeType: 'text/plain', buffer: Buffer.from('no picture') });
  await ada.page.getByText('We cannot read this picture. Please take a new one.').waitFor();
  await ada.choosePhoto('Send a photo instead', await picture(ada.page, 'image/png'));
  await ada.heading('Send this photo?').waitFor();
  await ada.page.getByText('Sam wants to take a photo. City Clinic will keep it. You can say no.').waitFor();
  const secret = link.split('#')[1];
  assert.equal((await server.client().post('/api/invites/peek', { secret })).used, false, 'the link was spent too early');
  await ada.button('Yes, send photo').click();
  await ada.heading('Sent.').waitFor();
  const taken = await ada.receipt();
  const { grants } = await ada.me();
  assert.deepEqual(grants, ['snapshots']);
  await sam.admit();
  assert.deepEqual(await sam.storedPhotos(1), [taken.object]);
  assert.equal((await sam.openPhoto(taken.object)).sha256, taken.sha256);
  await sam.closePhoto();

  // Asked for the next one: it is chosen, not taken, and answers the request. No words again, they are in force.
  await sam.askPhoto();
  await ada.page.getByText('Sam asks for a photo.').waitFor();
  await ada.choosePhoto('Send a photo', await picture(ada.page));
  await sam.storedPhotos(2);
  await sam.page.getByText('Asked for a photo…').waitFor({ state: 'detached' });
  await ada.button('Send another photo').waitFor();
  assert.equal(await sam.page.getByText('They said no.').count(), 0);
  clean(ada, MEANT);
});

// An old browser is offered what it can do.
test('a browser without a video encoder sends photos', async () => {
  const { sam, link } = await house();
  const ada = await guest();
  await ada.page.addInitScript(() => Reflect.deleteProperty(globalThis, 'VideoEncoder'));
  await ada.page.goto(link);
  await ada.heading('Your phone cannot send video here.').waitFor();
  await ada.choosePhoto('Send a photo', await picture(ada.page));
  await ada.button('Yes, send photo').click();
  await ada.heading('Sent.').waitFor();
  await sam.admit();
  await sam.storedPhotos(1);
});

// Whoever works by keyboard goes on where they were: a dialog gives the focus back to what had it, also a dialog that came by
// itself and one that came over another.
test('a dialog gives the focus back', async () => {
  const { sam, ada } = await live();
  const focused = () => ada.page.evaluate(() => document.activeElement?.textContent?.trim());
  const sheet = ada.page.getByRole('button', { name: /can see this now/ });
  const words = (await sheet.textContent()).trim();
  await sheet.click();
  await sam.askPhoto();
  await ada.refusePhoto();
  await sam.page.getByText('They said no.').waitFor();
  await ada.button('Close').click();
  await ada.page.waitForFunction((words) => document.activeElement?.textContent?.trim() === words, words);

  await ada.button('Pause').focus();
  await sam.askPhoto();
  await ada.button('Yes, take photo').waitFor();
  assert.notEqual(await focused(), 'Pause', 'the question has the focus');
  await ada.allowPhoto();
  await ada.page.waitForFunction(() => document.activeElement?.textContent?.trim() === 'Pause');
});

// The question, the sheet, the chosen photo, the strip and the open photo can be read and used at two widths and two sizes.
test('photos are accessible', async () => {
  const found = [];
  const { sam, ada } = await live();
  await sam.askPhoto();
  await ada.button('Yes, take photo').waitFor();
  await look(found, 'S4', ada.page);
  await ada.allowPhoto();
  const [object] = await sam.storedPhotos(1);
  await look(found, 'strip', sam.page);
  await sam.openPhoto(object);
  await look(found, 'open photo', sam.page);
  await sam.closePhoto();
  await ada.page.getByRole('button', { name: /can see this now/ }).click();
  await look(found, 'who sees what', ada.page);
  await ada.button('Close').click();
  await sam.end();
  await look(found, 'ended with photos', sam.page);

  const { link } = await house();
  const second = await patient(link, { browser: 'desk' });
  await second.choosePhoto('Send a photo instead', await picture(second.page));
  await second.heading('Send this photo?').waitFor();
  await look(found, 'chosen photo', second.page);
  await second.button('Yes, send photo').click();
  await second.heading('Sent.').waitFor();
  await look(found, 'sent', second.page);
  assert.deepEqual(found, []);
});
