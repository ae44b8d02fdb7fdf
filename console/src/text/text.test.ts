import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { sentence } from '../console/problems';
import { logSentence } from '../console/session/log';
import { ProblemError } from '../wire/api';
import type { LogEntry, ProblemCode, SessionState } from '../wire/types';
import { text } from '.';

const contract = (path: string) => readFileSync(new URL(`../../../core/${path}`, import.meta.url), 'utf8');
const codes = [...contract('protocol/src/problem.rs').matchAll(/^ {4}\w+ = "([a-z-]+)", \d{3}/gm)].map((match) => match[1] ?? '');
const actions = [...contract('audit/src/action.rs').matchAll(/^ {4}\w+ = "([a-z_]+\.[a-z_]+)",/gm)].map((match) => match[1] ?? '');

/** Entries of the organisation's life, which no session's log shows. */
const ELSEWHERE = /^(origin|server|organisation|admin|user)\./;

describe('texts', () => {
  /** Every code of the server's has a sentence here, and none is left over. */
  test('problems are the contract', () => {
    expect(codes.length).toBeGreaterThan(20);
    const local = ['unexpected', 'unreachable'];
    expect(Object.keys(text.problems).sort()).toEqual([...codes, ...local].sort());
  });

  /** Every action that can stand in a session's log is a sentence. */
  test('actions are the catalogue', () => {
    const shown = actions.filter((action) => !ELSEWHERE.test(action));
    expect(shown.length).toBeGreaterThan(20);
    expect(Object.keys(text.log.actions).sort()).toEqual(shown.sort());
  });

  /** No text is empty, unfinished or doubled by a stray space. */
  test('every text says something', () => {
    const all: string[] = [];
    const walk = (value: unknown) => {
      if (typeof value === 'string') all.push(value);
      else if (typeof value === 'object' && value !== null) Object.values(value).forEach(walk);
    };
    walk(text);
    expect(all.length).toBeGreaterThan(150);
    for (const one of all) expect(one).toMatch(/^\S(.*\S)?$/);
    for (const one of all) expect(one).not.toMatch(/ {2}|TODO|undefined/);
  });
});

describe('failures as sentences', () => {
  /** The server's sentence wins where it knows more; ours where a person at this desk needs another. */
  test('whose sentence', () => {
    expect(sentence(new ProblemError('invalid', 422, 'The title is empty.'))).toBe('The title is empty.');
    expect(sentence(new ProblemError('not-logged-in', 401, 'No cookie.'))).toBe(text.problems['not-logged-in']);
    expect(sentence(new ProblemError('unreachable', 0))).toBe(text.problems.unreachable);
  });

  /** A code from the future is still a sentence, and a fault of ours never shows its insides. */
  test('unknown failures', () => {
    expect(sentence(new ProblemError('new-code' as ProblemCode, 418, 'Something new.'))).toBe('Something new.');
    expect(sentence(new ProblemError('new-code' as ProblemCode, 418))).toBe(text.problems.unexpected);
    expect(sentence(new TypeError('x is not a function'))).toBe(text.problems.unexpected);
  });
});

describe('the log', () => {
  const entry: LogEntry = {
    sequence: 1, time_us: 1, action: 'participant.admit', outcome: 'ok', actor_kind: 'user', actor: 'usr', actor_name: 'Sam', role: 'technician', object: 'par',
  };
  const state: SessionState = { v: 1, organisation: '', session: '', revision: 1, at_us: 0, phase: 'live', participants: [] };

  /** Known, refused and unknown entries are all readable. */
  test('sentences', () => {
    expect(logSentence(entry, state)).toBe('Sam admitted a guest.');
    expect(logSentence({ ...entry, outcome: 'refused:conflict' }, state)).toBe('Refused (conflict): Sam admitted a guest.');
    const said = (action: string, object: string) => logSentence({ ...entry, action, object, actor_kind: 'guest' }, state);
    expect(said('consent.grant', 'camera')).toBe('A guest allowed the camera, signed on their device.');
    expect(said('consent.revoke', 'snapshots')).toBe('A guest took back their consent to photos, signed on their device.');
    expect(said('consent.grant', 'constructor')).toBe('A guest allowed constructor, signed on their device.');
    expect(said('guest.feedback', 'not-helped')).toBe('A guest said that it did not help.');
    expect(logSentence({ ...entry, action: 'moon.land', actor_kind: 'guest', actor: 'par_x' }, state)).toBe('A guest: moon.land');
  });
});
