// Drawing on a browser patient's frozen still: with the mouse and with keys, seen by both, taken back, and readable by all.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { violations } from './lib/axe.mjs';
import { clean, look, stage } from './lib/house.mjs';
import { Shots } from './lib/shots.mjs';

const { live } = stage();

/** Pictures of the steps, where `HANDLENS_SHOTS` names a folder. */
const shots = process.env.HANDLENS_SHOTS && new Shots(process.env.HANDLENS_SHOTS);
const take = async (page, name) => {
  if (shots) await shots.take(page, name);
};

const listed = (sam) => sam.page.getByRole('tabpanel', { name: 'Marks' }).getByRole('listitem');

/** Waits until the newest painting of the stage has exactly these marks. */
const painted = (sam, camera, ids) =>
  sam.page.waitForFunction(
    ([id, wanted]) => JSON.stringify(window.__handlens.marks[id]?.at(-1)?.marks.map((mark) => mark.id)) === JSON.stringify(wanted),
    [camera, ids],
  );

/** Waits until the patient's still shows so many marks. */
const onStill = (ada, count) => ada.page.locator(`[data-marks="${count}"]`).waitFor();

// With the mouse on the still that both look at: both see each mark where it was drawn, and both see it go.
test('drawn with the mouse, seen by the patient, taken back', async () => {
  const { sam, ada, me: { participant: camera } } = await live();
  await sam.button('Freeze').click();
  await ada.page.getByText(/is looking at (this|a still) picture/).waitFor();
  const point = await sam.point(0.3, 0.4);
  const arrow = await sam.arrow(0.7, 0.7, 0.5, 0.5);
  await sam.button('Pink').click();
  const line = await sam.pen([[0.2, 0.7], [0.3, 0.6], [0.4, 0.7], [0.5, 0.6]]);
  assert.equal(point.geometry.kind, 'point');
  assert.ok(Math.abs(point.geometry.at.x - 0.3) < 0.002 && Math.abs(point.geometry.at.y - 0.4) < 0.003, JSON.stringify(point.geometry));
  assert.ok(Math.abs(arrow.geometry.to.x - 0.5) < 0.002 && Math.abs(arrow.geometry.to.y - 0.5) < 0.003, JSON.stringify(arrow.geometry));
  assert.equal(line.style.colour, 'pink');
  assert.ok(line.geometry.points.length >= 4);
  for (const mark of [point, arrow, line]) {
    assert.equal(mark.camera, camera);
    assert.ok(mark.patch.grey.length > 100, 'there is no patch');
  }
  assert.equal(new Set([point, arrow, line].map((mark) => mark.capture_us)).size, 1);

  await painted(sam, camera, [point.id, arrow.id, line.id]);
  const { marks, capture_us } = (await sam.paintings(camera)).at(-1);
  assert.equal(capture_us, point.capture_us);
  assert.deepEqual(marks[0].points, [[point.geometry.at.x, point.geometry.at.y]]);
  await onStill(ada, 3);
  await sam.page.getByRole('tab', { name: 'Marks' }).click();
  await listed(sam).nth(2).waitFor();
  assert.equal(await listed(sam).getByText('On the still').count(), 3);
  await take(sam.page, 'console-still');
  await take(ada.page, 'patient-still');

  await sam.button('Undo').first().click();
  await painted(sam, camera, [point.id, arrow.id]);
  await onStill(ada, 2);
  await sam.button('Clear my marks').click();
  await painted(sam, camera, []);
  await onStill(ada, 0);
  clean(sam, /401 \(Unauthorized\)/);
  clean(ada);
});

// Pen down stops only the technician's own picture: the patient stays live and reads who draws; 0.6 s later it goes on, and
// a mark that nobody follows is not on the live frames.
test('the pen stops one view for a moment', async () => {
  const { sam, ada, me: { participant: camera } } = await live();
  await sam.button('Pen').click();
  const { x, y, width, height } = await sam.page.locator('[data-picture]').boundingBox();
  await sam.page.mouse.move(x + width / 2, y + height / 2);
  await sam.page.mouse.down();
  await sam.page.mouse.move(x + width / 3, y + height / 3, { steps: 3 });
  await ada.page.getByText('Sam is drawing.').waitFor();
  await sam.page.getByText('Live picture').waitFor();
  await take(sam.page, 'console-drawing');
  await take(ada.page, 'patient-drawing');
  assert.equal(await ada.page.getByText(/is looking at/).count(), 0);
  const mark = await sam.committed(() => sam.page.mouse.up());
  await ada.page.getByText('Sam is drawing.').waitFor({ state: 'detached' });
  await sam.page.waitForFunction(([id, then]) => window.__handlens.marks[id].at(-1).capture_us > then, [camera, mark.capture_us]);
  const paintings = await sam.paintings(camera);
  for (const painting of paintings.filter(({ capture_us }) => capture_us !== mark.capture_us)) assert.deepEqual(painting.marks, []);
  assert.ok(paintings.some(({ marks }) => marks.some(({ id }) => id === mark.id)), 'it was not seen on its own picture');
});

// Without a mouse: a tool, the crosshair, Enter; Ctrl+Z takes it back, Escape puts away what is not finished.
test('drawn with keys', async () => {
  const { sam, ada, me: { participant: camera } } = await live();
  await sam.page.getByRole('group', { name: 'Camera picture' }).focus();
  const keys = async (...names) => {
    for (const name of names) await sam.page.keyboard.press(name);
  };
  await keys(' ');
  await ada.page.getByText(/is looking at (this|a still) picture/).waitFor();
  await keys('o', '2', 'Enter', 'Shift+ArrowRight', 'ArrowUp');
  const point = await sam.committed(() => keys('Enter'));
  assert.equal(point.style.colour, 'cyan');
  assert.ok(Math.abs(point.geometry.at.x - 0.55) < 1e-4 && Math.abs(point.geometry.at.y - 0.49) < 1e-4, JSON.stringify(point.geometry));
  await keys('a', 'Enter', 'Shift+ArrowLeft', 'Escape', 'Enter', 'Shift+ArrowDown', 'Shift+ArrowDown');
  const arrow = await sam.committed(() => keys('Enter'));
  assert.equal(arrow.geometry.kind, 'arrow');
  await keys('p', 'Enter', 'Shift+ArrowLeft', 'Shift+ArrowLeft', 'Shift+ArrowUp');
  const line = await sam.committed(() => keys('Enter'));
  assert.equal(line.geometry.kind, 'freehand');
  await onStill(ada, 3);
  await keys(']');
  await sam.page.getByText('Point 1. On the still').waitFor({ state: 'attached' });
  await keys('Control+z');
  await painted(sam, camera, [point.id, arrow.id]);
  await onStill(ada, 2);
});

// The stage with its rail, and full screen on a phone, can be read and used by everybody.
test('drawing is accessible', async () => {
  const { sam, ada } = await live();
  await sam.button('Freeze').click();
  await ada.page.getByText(/is looking at (this|a still) picture/).waitFor();
  await sam.arrow(0.3, 0.3, 0.6, 0.6);
  await sam.page.getByRole('tab', { name: 'Marks' }).click();
  await listed(sam).first().waitFor();
  const found = [];
  await look(found, 'rail', sam.page);
  await sam.page.setViewportSize({ width: 390, height: 844 });
  await take(sam.page, 'narrow');
  await sam.button('Draw').click();
  await sam.point(0.5, 0.3);
  await take(sam.page, 'narrow-drawing');
  await look(found, 'full screen', sam.page, { widths: [390] });
  await sam.button('Done').click();
  await sam.button('Draw').waitFor();
  for (const problem of await violations(ada.page)) found.push(`patient: ${problem}`);
  assert.deepEqual(found, []);
});
