/** What the patient decided, made known to the server: one purpose at a time, and only the newest decision counts. */
import { ProblemError } from '../wire/api';
import type { Decision, Purpose } from '../wire/types';

export interface DecisionsOptions {
  /** Signs and sends one statement. */
  send: (purpose: Purpose, decision: Decision) => Promise<void>;
  pause: (attempt: number) => Promise<void>;
  /** Whether the visit still goes on. */
  alive: () => boolean;
  onKnown: (purpose: Purpose, decision: Decision) => void;
  onRefused: (purpose: Purpose) => void;
}

export class Decisions {
  private readonly wanted = new Map<Purpose, Decision>();
  private readonly running = new Map<Purpose, Promise<boolean>>();
  private readonly last = new Map<Purpose, Decision>();

  constructor(private readonly options: DecisionsOptions) {}

  /** Makes the server know it, however long that takes. False when the server refused, or the visit ended before. */
  decide(purpose: Purpose, decision: Decision): Promise<boolean> {
    this.wanted.set(purpose, decision);
    this.last.set(purpose, decision);
    const running = this.running.get(purpose) ?? this.run(purpose);
    this.running.set(purpose, running);
    return running;
  }

  /** Whether the last decision on `purpose` was a grant and the server knows it, once it does or will not. */
  async allowed(purpose: Purpose): Promise<boolean> {
    const known = (await this.running.get(purpose)) ?? true;
    return known && this.last.get(purpose) !== 'revoke';
  }

  private async run(purpose: Purpose): Promise<boolean> {
    let known = false;
    let attempt = 0;
    for (let now = this.wanted.get(purpose); now && this.options.alive(); now = this.wanted.get(purpose)) {
      try {
        await this.options.send(purpose, now);
        known = true;
        if (this.wanted.get(purpose) === now) this.wanted.delete(purpose);
        this.options.onKnown(purpose, now);
      } catch (error) {
        if (error instanceof ProblemError && error.code !== 'unreachable' && error.status < 500) {
          known = false;
          this.options.onRefused(purpose);
          break;
        }
        await this.options.pause(attempt);
        attempt += 1;
      }
    }
    this.wanted.delete(purpose);
    this.running.delete(purpose);
    return known;
  }
}
