// The real `handlens serve`, as a process of its own in a folder of its own.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';

import { Client } from './client.mjs';
import * as ports from './ports.mjs';

/** The organisation of tests and demo. The password has the 15 characters that the server asks for. */
export const CITY_CLINIC = {
  organisation: 'City Clinic',
  phone: '+1 (555) 010-0100',
  name: 'Sam Okafor',
  email: 'sam@cityclinic.example',
  password: 'correct horse battery staple',
};

/** Longer than a debug build takes to start on a busy machine, ms. */
const PATIENCE_MS = 30_000;

export class Server {
  #child = null;
  #mute = null;
  #said = '';

  /** Where the database and the keys are; removed by `stop`, unless it was asked to be kept. */
  folder;
  /** What a browser opens. `localhost`, because the server's cookies are `Secure` and there is no TLS on loopback. */
  origin;

  /**
   * Starts a server and waits until it answers.
   *
   * @param {{ binary?: string, udpBlocked?: boolean, keep?: boolean, args?: string[] }} options `udpBlocked`: clients are
   *   told a UDP port that never answers.
   */
  static async start({ binary = process.env.HANDLENS_BIN, udpBlocked = false, keep = false, args = [] } = {}) {
    if (!binary) throw new Error('HANDLENS_BIN names no program; run this by `cargo xtask test browser`');
    const server = new Server();
    server.binary = binary;
    server.keep = keep;
    server.args = args;
    server.folder = await fs.mkdtemp(path.join(os.tmpdir(), 'handlens-'));
    server.port = await ports.free();
    server.origin = `http://localhost:${server.port}`;
    if (udpBlocked) server.#mute = await ports.mute();
    try {
      await server.#run();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  /** Everything the process has said on standard error. */
  get stderr() {
    return this.#said;
  }

  /** The folder of the database. */
  get data() {
    return path.join(this.folder, 'data');
  }

  /** How many datagrams went to the mute UDP port. */
  get swallowed() {
    return this.#mute?.datagrams() ?? 0;
  }

  /** Settles when the process that runs now has ended, whoever ended it. */
  get ended() {
    return once(this.#child, 'exit');
  }

  /** A client of the API that is nobody yet. */
  client() {
    return new Client(this.origin);
  }

  /** Makes the organisation by the one-time secret, and gives a client that is logged in as its Super Admin. */
  async setUp(people = CITY_CLINIC) {
    const client = this.client();
    await client.post('/api/setup', { ...people, secret: await this.secret() });
    return client;
  }

  /** A client that is logged in. */
  async logIn({ email, password } = CITY_CLINIC) {
    const client = this.client();
    await client.post('/api/login', { email, password });
    return client;
  }

  /** The one-time secret of the first start, from the file that only its owner may read: `…/setup#SECRET`. */
  async secret() {
    const file = path.join(`${this.data}.keys`, 'setup-link');
    const mode = (await fs.stat(file)).mode & 0o777;
    if (mode !== 0o600) throw new Error(`${file} has mode ${mode.toString(8)}, not 600`);
    return (await fs.readFile(file, 'utf8')).trim().split('#').at(-1);
  }

  /** Ends the process at once, as a power cut would. The folder stays: `resume` starts on it again. */
  async kill() {
    await this.#end('SIGKILL');
  }

  /** Starts again on the same folder and the same ports. */
  async resume() {
    await this.#run();
  }

  /** Ends the process as an administrator would, and removes its folder. */
  async stop() {
    await this.#end('SIGTERM');
    await this.#mute?.close();
    this.#mute = null;
    if (!this.keep) await fs.rm(this.folder, { recursive: true, force: true });
  }

  async #run() {
    const address = `127.0.0.1:${this.port}`;
    const announce = this.#mute ? ['--udp-announce', String(this.#mute.port)] : [];
    const args = ['serve', '--data', this.data, '--listen', address, '--udp-listen', address, ...announce, ...this.args];
    // The server refuses `HANDLENS_` variables that it does not know, and ours are not for it.
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('HANDLENS_')));
    const child = spawn(this.binary, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    // Whatever ends this process, no server outlives it.
    const last = () => child.kill('SIGKILL');
    process.once('exit', last);
    child.once('exit', () => process.off('exit', last));
    child.stderr.setEncoding('utf8').on('data', (text) => (this.#said += text));
    await this.#ready(child);
    const answer = await fetch(`${this.origin}/api/health`);
    if (!answer.ok) throw new Error(`the server is up and not well (${answer.status}); it said:\n${this.#said}`);
  }

  /** Waits for the last line of the server's greeting. It is printed when both ports are open and the setup link is written. */
  #ready(child) {
    return new Promise((ready, failed) => {
      const fail = (what) => failed(new Error(`${what}; it said:\n${this.#said}`));
      const patience = setTimeout(() => fail(`the server was not ready in ${PATIENCE_MS} ms`), PATIENCE_MS);
      child.once('error', (error) => fail(`cannot start ${this.binary}: ${error.message}`));
      child.once('close', (code, signal) => fail(`the server ended (${signal ?? code})`));
      for (const event of ['error', 'close']) child.once(event, () => clearTimeout(patience));
      createInterface({ input: child.stdout }).on('line', (line) => {
        if (!line.startsWith('Data in ')) return;
        clearTimeout(patience);
        ready();
      });
    });
  }

  async #end(signal) {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }
}
