/** Sealed objects to the server, in the shape of tus 1.0: where it is, announce, send a part. */
import { base64 } from '../seal/encoding';
import { ProblemError, problem } from './api';
import type { ObjectId, RequestId } from './types';

const PATH = '/api/guest/uploads';
/** A part is given up after this, ms: on a thin link the next one is smaller. */
const PATIENCE_MS = 30_000;

export interface Announcement {
  object: ObjectId;
  /** Bytes of the sealed object. */
  bytes: number;
  /** Of the sealed object. */
  sha256: Uint8Array;
  /** Its key, sealed to the session. */
  seal: Uint8Array;
  request?: RequestId | undefined;
}

/** How many bytes of the object the server has; `not-found` before it was announced. */
export async function offset(object: ObjectId): Promise<number> {
  return offsetOf(await call('HEAD', path(object)));
}

export async function announce({ object, bytes, sha256, seal, request }: Announcement): Promise<void> {
  const text = (value: string) => base64(new TextEncoder().encode(value));
  const said = [`object ${text(object)}`, `sha256 ${base64(sha256)}`, `seal ${base64(seal)}`];
  if (request !== undefined) said.push(`request ${text(request)}`);
  await call('POST', PATH, { 'upload-length': String(bytes), 'upload-metadata': said.join(',') });
}

/** Sends what follows `at`; gives how many bytes the server has then. */
export async function sendPart(object: ObjectId, at: number, part: Blob): Promise<number> {
  const headers = { 'upload-offset': String(at), 'content-type': 'application/offset+octet-stream' };
  return offsetOf(await call('PATCH', path(object), headers, part));
}

const path = (object: ObjectId) => `${PATH}/${encodeURIComponent(object)}`;

async function call(method: string, path: string, headers: Record<string, string> = {}, body?: Blob): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      credentials: 'same-origin',
      cache: 'no-store',
      redirect: 'error',
      signal: AbortSignal.timeout(PATIENCE_MS),
      headers: { 'tus-resumable': '1.0.0', ...headers },
      ...(body && { body }),
    });
  } catch {
    throw new ProblemError('unreachable', 0);
  }
  if (response.ok) return response;
  // The answer to a HEAD has no body that could say more.
  throw method === 'HEAD' && response.status === 404 ? new ProblemError('not-found', 404) : await problem(response);
}

function offsetOf(response: Response): number {
  const said = Number(response.headers.get('upload-offset') ?? NaN);
  if (!Number.isSafeInteger(said) || said < 0) throw new ProblemError('unexpected', response.status);
  return said;
}
