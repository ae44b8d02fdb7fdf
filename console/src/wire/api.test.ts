import { afterEach, describe, expect, test, vi } from 'vitest';
import { ProblemError, get, post } from './api';

const answer = (status: number, body: string | null, type = 'application/problem+json') => {
  vi.stubGlobal('fetch', vi.fn(() => Promise.resolve(new Response(body, { status, headers: { 'content-type': type } }))));
};
const failure = async (): Promise<ProblemError> => {
  try {
    await get('/api/me');
  } catch (error) {
    if (error instanceof ProblemError) return error;
  }
  throw new Error('it did not fail as it should');
};

afterEach(() => {
  vi.unstubAllGlobals();
});

describe('the way to the server', () => {
  /** The server's own code and sentence arrive as they were said. */
  test('a problem keeps its code and its sentence', async () => {
    answer(409, JSON.stringify({ code: 'conflict', status: 409, title: 'Changed', detail: 'It was changed.' }));
    expect(await failure()).toMatchObject({ code: 'conflict', status: 409, detail: 'It was changed.' });
    const host = { organisation: 'City Clinic', organisation_phone: '+1 555 0100' };
    answer(410, JSON.stringify({ code: 'invite-revoked', status: 410, title: 'Off', detail: 'Call us.', host }));
    expect(await failure()).toMatchObject({ code: 'invite-revoked', host });
  });

  /** A page of a proxy, a torn body or a body of another shape is `unexpected`, never an exception of the parser. */
  test.each([
    ['text/html', '<h1>Bad gateway</h1>'],
    ['application/problem+json', '{"code":'],
    ['application/problem+json', 'null'],
    ['application/problem+json', '{"code":7}'],
  ])('%s %s is unexpected', async (type, body) => {
    answer(502, body, type);
    expect(await failure()).toMatchObject({ code: 'unexpected', status: 502, detail: '' });
  });

  /** No answer is told from a bad one. */
  test('no network is unreachable', async () => {
    vi.stubGlobal('fetch', vi.fn(() => Promise.reject(new TypeError('failed'))));
    expect(await failure()).toMatchObject({ code: 'unreachable', status: 0 });
  });

  /** 204 has no body to parse; a good status with a broken body is not taken for an answer. */
  test('empty and broken answers', async () => {
    answer(204, null);
    await expect(post('/api/logout')).resolves.toBeUndefined();
    answer(200, 'oops', 'application/json');
    expect(await failure()).toMatchObject({ code: 'unexpected' });
  });

  /** A body travels as JSON, to our own origin only, and follows no redirect. */
  test('what a request carries', async () => {
    answer(204, null);
    await post('/api/login', { email: 'a@b.c' });
    expect(fetch).toHaveBeenCalledWith(
      '/api/login',
      expect.objectContaining({
        method: 'POST',
        body: '{"email":"a@b.c"}',
        headers: { 'content-type': 'application/json' },
        credentials: 'same-origin',
        redirect: 'error',
      }),
    );
  });
});
