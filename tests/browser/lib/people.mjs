// The two sides of a session, as people: what they see, what they tap, in the words of the screens.

import { open } from './browser.mjs';
import { CITY_CLINIC } from './server.mjs';

/** Longer than a picture takes on a busy machine, ms. */
const PATIENCE_MS = 30_000;

const PHONE = {
  viewport: { width: 390, height: 844 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true,
};

/** Sam at the desk. */
export class Technician {
  /** @param {import('playwright-core').Page} page */
  constructor(page, origin) {
    this.page = page;
    this.origin = origin;
  }

  static async open(browser, origin, options = {}) {
    const page = await open(browser, options);
    page.setDefaultTimeout(PATIENCE_MS);
    return new Technician(page, origin);
  }

  button = (name) => this.page.getByRole('button', { name, exact: true });

  /** The first start, by the link the server showed. */
  async setUp(link, { organisation, phone, name, email, password } = CITY_CLINIC) {
    await this.page.goto(link);
    await this.page.getByLabel('Organisation').fill(organisation);
    await this.page.getByLabel('Phone number patients can call').fill(phone);
    await this.page.getByLabel('Your name').fill(name);
    await this.page.getByLabel('E-mail').fill(email);
    await this.page.getByLabel('Password', { exact: true }).fill(password);
    await this.button('Set up').click();
    await this.page.getByRole('heading', { name: 'Sessions', exact: true }).waitFor();
  }

  async logIn({ email, password } = CITY_CLINIC) {
    await this.page.goto(this.origin);
    await this.page.getByLabel('E-mail').fill(email);
    await this.page.getByLabel('Password', { exact: true }).fill(password);
    await this.button('Log in').click();
    await this.page.getByRole('heading', { name: 'Sessions', exact: true }).waitFor();
  }

  /** New session, with the patient's agreement: gives the link that is shown once. */
  async openSession({ title, agenda = '', description = '', name = '', phone = '', email = '' }) {
    await this.page.getByRole('button', { name: 'New session' }).first().click();
    await this.page.getByLabel('Title').fill(title);
    await this.page.getByLabel('Agenda').fill(agenda);
    await this.page.getByLabel('Description').fill(description);
    await this.page.getByLabel(/^Name/).fill(name);
    await this.page.getByLabel('Phone number').fill(phone);
    await this.page.getByLabel('E-mail').fill(email);
    await this.page.getByLabel('They agreed to a text').check();
    await this.button('Open session and make the link').click();
    return this.link();
  }

  /** The link of the newest invite, as it stands on the page. */
  async link() {
    const shown = this.page.locator('code', { hasText: '/j#' }).first();
    await shown.waitFor();
    return (await shown.textContent()).trim();
  }

  /** The session that is open. */
  get session() {
    return /ses_[0-9a-z]{26}/.exec(this.page.url())[0];
  }

  async waitForGuest() {
    await this.page.getByRole('heading', { name: 'Somebody is in the waiting room' }).waitFor();
  }

  async admit() {
    await this.waitForGuest();
    await this.button('Admit').click();
  }

  /** Waits until a picture of this guest was painted, and gives its figures. */
  async picture(guest) {
    await this.page.waitForFunction((id) => window.__handlens?.cameras[id]?.first_paint_us !== undefined, guest, { timeout: PATIENCE_MS });
    return this.figures(guest);
  }

  /** What became of a guest's frames so far. */
  figures(guest) {
    return this.page.evaluate((id) => ({ ...window.__handlens.cameras[id] }), guest);
  }

  /** Waits until `more` further frames were shown. */
  async frames(guest, more) {
    const { frames_shown } = await this.figures(guest);
    await this.page.waitForFunction(
      ([id, least]) => (window.__handlens.cameras[id]?.frames_shown ?? 0) >= least,
      [guest, frames_shown + more],
      { timeout: PATIENCE_MS },
    );
  }

  /** Waits until the newest picture of this guest was painted so long ago. */
  async oldPicture(guest, ms) {
    await this.page.waitForFunction(([id, least]) => window.__handlens.cameras[id].age_ms >= least, [guest, ms]);
  }

  /** Draws with the mouse on the camera on stage; coordinates are the picture's, 0 to 1. Gives the committed mark. */
  point = (x, y) => this.#draw('Point', [[x, y]]);
  arrow = (x1, y1, x2, y2) => this.#draw('Arrow', [[x1, y1], [x2, y2]]);
  pen = (points) => this.#draw('Pen', points);

  /** What was painted of a guest's camera so far, marks and all; the newest is the last. */
  paintings(guest) {
    return this.page.evaluate((id) => window.__handlens.marks[id] ?? [], guest);
  }

  async #draw(tool, points) {
    await this.button(tool).click();
    return this.committed(async () => {
      const { x, y, width, height } = await this.page.locator('[data-picture]').boundingBox();
      const [first, ...rest] = points.map(([left, top]) => [x + left * width, y + top * height]);
      await this.page.mouse.move(...first);
      await this.page.mouse.down();
      for (const place of rest) await this.page.mouse.move(...place, { steps: 4 });
      await this.page.mouse.up();
    });
  }

  /** Does it, and gives the mark that the server committed because of it. */
  async committed(act) {
    const answered = this.page.waitForResponse((response) => /\/marks$/.test(response.url()) && response.request().method() === 'POST');
    await act();
    const response = await answered;
    const said = await response.json();
    if (!response.ok()) throw new Error(`the mark was refused: ${said.code} ${said.detail}`);
    return said;
  }

  /** Asks whoever is on the stage for a photo. */
  async askPhoto() {
    await this.button('Photo').click();
    await this.page.getByText('Asked for a photo…').waitFor();
  }

  /** Waits until `count` photos are stored, and gives their ids in the order they were announced. */
  async storedPhotos(count) {
    await this.page.waitForFunction((least) => {
      const tiles = document.querySelectorAll('ul[aria-label="Photos"] button:not([aria-disabled="true"])');
      return tiles.length >= least;
    }, count);
    return this.snapshots();
  }

  /** The ids of this session's photos, by the state the server shows. */
  async snapshots() {
    const { snapshots } = await this.#state();
    return (snapshots ?? []).map(({ id }) => id);
  }

  /** The guests of this session, those who left too, by the state the server shows. */
  async guests() {
    const { participants } = await this.#state();
    return participants.filter(({ kind }) => kind === 'guest').map(({ id, presence }) => ({ id, presence }));
  }

  async #state() {
    const { state } = await this.page.evaluate(async (id) => (await fetch(`/api/sessions/${id}`)).json(), this.session);
    return state;
  }

  /** Opens a stored photo large, and gives what the page measured of it: `{ bytes, sha256 }`. */
  async openPhoto(object) {
    const at = (await this.snapshots()).indexOf(object);
    await this.page.getByRole('button', { name: new RegExp(`^Photo ${at + 1}, .* Stored$`) }).click();
    await this.page.getByRole('dialog', { name: /^Photo taken/ }).waitFor();
    await this.page.waitForFunction((id) => window.__handlens.snapshots[id] !== undefined, object);
    return this.page.evaluate((id) => ({ ...window.__handlens.snapshots[id] }), object);
  }

  async closePhoto() {
    await this.page.keyboard.press('Escape');
    await this.page.getByRole('dialog', { name: /^Photo taken/ }).waitFor({ state: 'detached' });
  }

  async writeNote(text) {
    await this.page.getByRole('tab', { name: 'Note' }).click();
    await this.page.getByRole('textbox', { name: 'Note' }).fill(text);
    await this.page.getByText('Saved', { exact: true }).waitFor();
  }

  async end() {
    await this.button('End').click();
    await this.button('End session').click();
    await this.page.getByRole('heading', { name: 'Session ended' }).waitFor();
  }
}

/** The patient with a browser on a phone. */
export class Patient {
  constructor(page) {
    this.page = page;
  }

  static async open(browser, options = {}) {
    const page = await open(browser, { ...PHONE, ...options });
    page.setDefaultTimeout(PATIENCE_MS);
    return new Patient(page);
  }

  button = (name) => this.page.getByRole('button', { name, exact: true });
  heading = (name) => this.page.getByRole('heading', { name });

  async tapLink(link) {
    await this.page.goto(link);
    await this.heading(/wants to see through your camera/).waitFor();
  }

  async startCamera() {
    await this.button('Start camera').click();
    await this.heading('Your camera is on. Only you can see it.').waitFor();
  }

  /** Who this guest is, by their own cookie. */
  me() {
    return this.page.evaluate(async () => (await fetch('/api/guest')).json());
  }

  async live() {
    await this.button('Pause').waitFor();
  }

  /** S4, answered with yes. */
  async allowPhoto() {
    await this.button('Yes, take photo').click();
  }

  /** S4, answered with no. */
  async refusePhoto() {
    await this.page.getByRole('dialog').getByRole('button', { name: 'No', exact: true }).click();
  }

  /** Chooses a file in place of the camera, by the button of that name. */
  async choosePhoto(name, file) {
    const chooser = this.page.waitForEvent('filechooser');
    await this.button(name).click();
    await (await chooser).setFiles(file);
  }

  /** What became of the last photo that was sealed here, once its receipt verified. */
  async receipt() {
    await this.page.waitForFunction(() => window.__handlensPhoto?.receipt_verified === true);
    return this.page.evaluate(() => ({ ...window.__handlensPhoto }));
  }

  /** Photos that this browser keeps because the server does not have them yet: what is stored of each, without its bytes. */
  outbox() {
    return this.page.evaluate(async () => {
      const settled = (request) => new Promise((yes, no) => {
        request.onsuccess = () => yes(request.result);
        request.onerror = () => no(request.error);
      });
      const database = await settled(indexedDB.open('handlens-outbox'));
      const kept = database.objectStoreNames.contains('photos')
        ? await settled(database.transaction('photos').objectStore('photos').getAll())
        : [];
      database.close();
      return kept.map(({ object, sealed }) => ({ object, bytes: sealed.length }));
    });
  }
}
