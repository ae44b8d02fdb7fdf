/** A kept picture from the server: bytes, bounded while they come. Each reading is an entry of the log. */
import { ProblemError, problem } from './api';

/** Longer than a large photo takes on a thin link, ms. */
const PATIENCE_MS = 120_000;

/** The plaintext at `path`, at most `limit` bytes of it; more is refused before it is kept. */
export async function readBytes(path: string, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  let response: Response;
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    response = await fetch(path, { credentials: 'same-origin', cache: 'no-store', redirect: 'error', signal });
  } catch {
    throw new ProblemError('unreachable', 0);
  }
  if (!response.ok) throw await problem(response);
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    const reader = response.body?.getReader();
    for (let read = await reader?.read(); read && !read.done; read = await reader?.read()) {
      length += read.value.length;
      if (length > limit) {
        await reader?.cancel();
        throw new ProblemError('unexpected', response.status);
      }
      parts.push(read.value);
    }
  } catch (error) {
    throw error instanceof ProblemError ? error : new ProblemError('unreachable', 0);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
