// A real Chromium with an empty profile, and pages that remember what went wrong in them.

import { chromium } from 'playwright-core';

/** Which browser is driven: `CHROMIUM`, else Debian's. */
export const executable = process.env.CHROMIUM || '/usr/bin/chromium';

const QUIET = [
  '--no-sandbox', // tests run as root in containers, on pages of our own
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
// Without `fps` the fake camera gives 20 pictures a second.
const CAMERA = ['--use-fake-device-for-media-stream=fps=30', '--use-fake-ui-for-media-stream'];

/**
 * Starts Chromium. Close it with `close()`; its profile goes with it.
 *
 * @param {{ camera?: boolean | string, args?: string[] }} options `camera`: a moving test picture that is granted without
 *   a question, or the path of a `.y4m` file that is shown instead. Without it the machine has no camera.
 */
export function launch({ camera = false, args = [] } = {}) {
  const device = camera ? [...CAMERA] : [];
  if (typeof camera === 'string') device.push(`--use-file-for-fake-video-capture=${camera}`);
  return chromium.launch({ executablePath: executable, headless: true, args: [...QUIET, ...device, ...args] });
}

/**
 * A new page in a context of its own: no cookie is shared with any other page.
 *
 * `page.problems` collects uncaught errors, console errors and content-security violations as sentences; a test that
 * expects none asserts that it is empty.
 *
 * @param {import('playwright-core').Browser} browser
 * @param {import('playwright-core').BrowserContextOptions} options
 */
export async function open(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB', ...options });
  const page = await context.newPage();
  page.problems = [];
  page.on('pageerror', (error) => page.problems.push(`uncaught: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') page.problems.push(`console: ${message.text()}`);
  });
  return page;
}
