import { describe, expect, test } from 'vitest';
import { format, parse, setupSecret, type Route } from './router';

const id = `ses_${'0f3k'.repeat(6)}9z`;

describe('routes', () => {
  /** Every path the console makes leads back to the view it was made for. */
  test.each<Route>([
    { view: 'home' },
    { view: 'setup' },
    { view: 'login' },
    { view: 'sessions' },
    { view: 'new' },
    { view: 'session', id },
  ])('$view comes back', (route) => {
    expect(parse(format(route))).toEqual(route);
  });

  /** A path that is none of ours is lost, however close: nothing of it reaches a request. */
  test.each([
    '/session',
    '/sessions/ses_short',
    `/sessions/${id.toUpperCase()}`,
    `/sessions/${id}/more`,
    '/sessions/../api/me',
    '/login/again',
    `/sessions/${id.replace('k', 'l')}`,
  ])('%s is lost', (path) => {
    expect(parse(path)).toEqual({ view: 'lost' });
  });

  /** Slashes too many do not lose anybody. */
  test('extra slashes', () => {
    expect(parse(`/sessions//${id}/`)).toEqual({ view: 'session', id });
  });

  /** The fragment is taken only when it can be a secret, and is bounded. */
  test('the setup secret', () => {
    expect(setupSecret('#aB-_9')).toBe('aB-_9');
    expect(setupSecret('')).toBe('');
    expect(setupSecret('#a b')).toBe('');
    expect(setupSecret(`#${'a'.repeat(257)}`)).toBe('');
  });
});
