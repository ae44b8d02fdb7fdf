// What a file of browser tests stands on: two browsers for all of its tests, and a house that is cleared after each.

import assert from 'node:assert/strict';
import { after, afterEach, before } from 'node:test';

import { violations } from './axe.mjs';
import { launch } from './browser.mjs';
import { unreachable } from './keyboard.mjs';
import { Patient, Technician } from './people.mjs';
import { Server } from './server.mjs';

/** Registers what has to be done before and after the tests of a file; whatever is opened here is closed after its test. */
export function stage() {
  let browsers = {};
  before(async () => {
    const [desk, phone] = await Promise.all([launch(), launch({ camera: true })]);
    browsers = { desk, phone };
  });
  after(() => Promise.all(Object.values(browsers).map((browser) => browser.close())));
  const open = [];
  afterEach(async () => {
    for (const close of open.splice(0).reverse()) await close();
  });
  const kept = (person) => {
    open.push(() => person.page.context().close());
    return person;
  };

  /** A server before its first start. */
  async function serve(options) {
    const server = await Server.start(options);
    open.push(() => server.stop());
    return server;
  }

  /** A page at the desk, where nobody is logged in. */
  const technician = async (server) => kept(await Technician.open(browsers.desk, server.origin));

  /** A page on the phone, or on the `desk`, which has no camera. */
  const guest = async (browser = 'phone') => kept(await Patient.open(browsers[browser]));

  /** A server with City Clinic; Sam at the desk with a session, and the link. */
  async function house(options) {
    const server = await serve(options);
    await server.setUp();
    const sam = await technician(server);
    await sam.logIn();
    const link = await sam.openSession({ title: 'Wound check', name: 'Ada Example' });
    return { server, sam, link };
  }

  /** A patient who tapped the link; `prepare` is done to their page before. */
  async function patient(link, { prepare = async () => {}, browser } = {}) {
    const ada = await guest(browser);
    await prepare(ada.page);
    await ada.tapLink(link);
    return ada;
  }

  /** A patient who is admitted and seen. */
  async function live({ server: options, prepare } = {}) {
    const { server, sam, link } = await house(options);
    const ada = await patient(link, { prepare });
    await ada.startCamera();
    const me = await ada.me();
    await sam.admit();
    await ada.live();
    await sam.picture(me.participant);
    return { server, sam, ada, me };
  }

  return { serve, technician, guest, house, patient, live };
}

/** This person's page met no error; a refused request that was meant is named in `but`. */
export function clean(person, but = /^$/) {
  assert.deepEqual(person.page.problems.filter((problem) => !but.test(problem)), []);
}

/** Adds to `found` what is wrong with a page for whoever reads large text, hears it or has no mouse. */
export async function look(found, name, page, options) {
  for (const problem of await violations(page, options)) found.push(`${name}: ${problem}`);
  for (const control of await unreachable(page)) found.push(`${name}: not reached by keyboard: ${control}`);
}
