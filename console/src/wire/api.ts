/**
 * One way to the server: JSON there and back, and every failure is a [`ProblemError`].
 *
 * The routes themselves stand in `staff.ts` and `guest.ts`, so that each page carries only its own.
 */
import type { Host, Problem, ProblemCode } from './types';

/** Codes that are made here, not by the server: no answer at all, or one that is not the server's. */
export type LocalCode = 'unreachable' | 'unexpected';

/** Longer than any answer takes; a request without one is given up then, ms. */
const PATIENCE_MS = 20_000;

/** A refusal or failure. `detail` is the server's sentence for people, empty where it never got to say one. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';

  constructor(
    readonly code: ProblemCode | LocalCode,
    /** The HTTP status, 0 without an answer. */
    readonly status: number,
    readonly detail = '',
    /** Whom its reader can call, where the server named them. */
    readonly host?: Host,
  ) {
    super(`${code} (${String(status)})`);
  }
}

export const get = <T>(path: string): Promise<T> => call<T>('GET', path);
export const post = <T = void>(path: string, body: object = {}): Promise<T> => call<T>('POST', path, body);
export const put = <T>(path: string, body: object): Promise<T> => call<T>('PUT', path, body);

async function call<T>(method: string, path: string, body?: object): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      credentials: 'same-origin',
      cache: 'no-store',
      redirect: 'error',
      signal: AbortSignal.timeout(PATIENCE_MS),
      ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
  } catch {
    throw new ProblemError('unreachable', 0);
  }
  if (!response.ok) throw await problem(response);
  if (response.status === 204) return undefined as T;
  try {
    return (await response.json()) as T;
  } catch {
    throw new ProblemError('unexpected', response.status);
  }
}

/** What a failed answer says. Anything but the server's own problem details is `unexpected`. */
export async function problem(response: Response): Promise<ProblemError> {
  try {
    if (response.headers.get('content-type')?.startsWith('application/problem+json')) {
      const said = (await response.json()) as Partial<Problem>;
      if (typeof said.code === 'string') {
        const detail = typeof said.detail === 'string' ? said.detail : '';
        return new ProblemError(said.code, response.status, detail, said.host);
      }
    }
  } catch {
    // A torn body says as little as none.
  }
  return new ProblemError('unexpected', response.status);
}
