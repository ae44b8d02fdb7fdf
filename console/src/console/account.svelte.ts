/** Who is at the desk: nobody known yet, nobody, or somebody. */
import { ProblemError } from '../wire/api';
import * as staff from '../wire/staff';
import type { Login, Me, Setup } from '../wire/types';
import { navigation } from './navigation.svelte';
import { format, parse } from './router';

class Account {
  /** Nothing before the server was asked, null when nobody is logged in. */
  me = $state<Me | null>();
  /** Whether the installation still waits for its first Super Admin. */
  setupOpen = $state(false);
  /** A login was over in the middle of something. */
  wasOver = $state(false);
  /** Where to go after login. */
  #wanted = '/sessions';

  /** Asks the server who we are. */
  async start(): Promise<void> {
    try {
      this.me = await staff.me();
    } catch (error) {
      if (!(error instanceof ProblemError) || error.status !== 401) throw error;
      this.setupOpen = (await staff.setupState()).open;
      this.me = null;
    }
    const { view } = navigation.route;
    if (this.me) {
      if (view === 'home' || view === 'login' || view === 'setup') navigation.go({ view: 'sessions' }, 'replace');
    } else if (this.setupOpen) {
      if (view !== 'setup') navigation.go({ view: 'setup' }, 'replace');
    } else if (view !== 'login' && view !== 'setup') {
      if (view !== 'home' && view !== 'lost') this.#wanted = format(navigation.route);
      navigation.go({ view: 'login' }, 'replace');
    }
  }

  async login(body: Login): Promise<void> {
    this.#enter(await staff.login(body));
  }

  async setup(body: Setup): Promise<void> {
    const me = await staff.setup(body);
    this.setupOpen = false;
    this.#enter(me);
  }

  async logout(): Promise<void> {
    await staff.logout();
    this.me = null;
    this.#wanted = '/sessions';
    navigation.go({ view: 'login' });
  }

  /** True when `error` says the login is over; the way then leads to the login and back here. */
  isOver(error: unknown): boolean {
    if (!(error instanceof ProblemError) || error.code !== 'not-logged-in') return false;
    if (this.me) {
      this.me = null;
      this.wasOver = true;
      this.#wanted = format(navigation.route);
      navigation.go({ view: 'login' }, 'replace');
    }
    return true;
  }

  #enter(me: Me): void {
    this.me = me;
    this.wasOver = false;
    navigation.go(parse(this.#wanted), 'replace');
    this.#wanted = '/sessions';
  }
}

export const account = new Account();
