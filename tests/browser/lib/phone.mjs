// A phone: the real core with a screenless shell, `handlens join`, as a process of its own.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** Longer than anything a phone says takes on a busy machine, ms. */
const PATIENCE_MS = 60_000;

export class Phone {
  #child;
  #said = '';
  #events = [];
  #waiting = new Set();

  /** Joins by `link`; `args` are those of `handlens join`. */
  constructor(link, args = [], binary = process.env.HANDLENS_BIN) {
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('HANDLENS_')));
    const child = spawn(binary, ['join', link, '--json', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    const last = () => child.kill('SIGKILL');
    process.once('exit', last);
    child.once('exit', () => process.off('exit', last));
    child.stderr.setEncoding('utf8').on('data', (text) => (this.#said += text));
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.#events.push(JSON.parse(line));
      for (const look of this.#waiting) look();
    });
    child.once('close', () => {
      for (const look of this.#waiting) look();
    });
  }

  /** What it said so far, one object a line. */
  get events() {
    return [...this.#events];
  }

  /** Everything it said on standard error. */
  get stderr() {
    return this.#said;
  }

  /** The first event of this name, now or as soon as it is said; `where` may look for a certain one. */
  event(name, where = () => true) {
    return new Promise((found, failed) => {
      const finish = (settle, value) => {
        clearTimeout(patience);
        this.#waiting.delete(look);
        settle(value);
      };
      const fail = (why) => finish(failed, new Error(`the phone did not say "${name}": ${why}; it said:\n${this.#said}`));
      const patience = setTimeout(() => fail(`not in ${PATIENCE_MS} ms`), PATIENCE_MS);
      const look = () => {
        const event = this.#events.find((one) => one.event === name && where(one));
        if (event) finish(found, event);
        else if (this.#child.exitCode !== null || this.#child.signalCode !== null) fail('it ended');
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** Settles with its exit code when it has ended by itself. */
  async ended() {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'close');
    return this.#child.exitCode;
  }

  /** Ends it, whatever it does. */
  async stop() {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill('SIGINT');
      await this.ended();
    }
  }
}
