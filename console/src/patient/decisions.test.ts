import { expect, test } from 'vitest';
import { ProblemError } from '../wire/api';
import type { Decision, Purpose } from '../wire/types';
import { Decisions } from './decisions';

/** Decisions with a network that answers when told to. */
function desk() {
  const answers: { decision: Decision; done: () => void; fail: (error: Error) => void }[] = [];
  const refused: Purpose[] = [];
  const decisions = new Decisions({
    send: (_, decision) =>
      new Promise((done, fail) => {
        answers.push({ decision, done, fail });
      }),
    pause: () => Promise.resolve(),
    alive: () => true,
    onKnown: () => undefined,
    onRefused: (purpose) => refused.push(purpose),
  });
  return { decisions, answers, refused };
}

/** What waits for "allowed" is not let through by a decision that was known but was a "no". */
test('allowed means granted, and known', async () => {
  const { decisions, answers } = desk();
  expect(await decisions.allowed('snapshots')).toBe(true);
  void decisions.decide('snapshots', 'grant');
  const yes = decisions.allowed('snapshots');
  answers[0]?.done();
  expect(await yes).toBe(true);
  void decisions.decide('snapshots', 'revoke');
  const no = decisions.allowed('snapshots');
  answers[1]?.done();
  expect(await no).toBe(false);
  expect(await decisions.allowed('snapshots')).toBe(false);
  expect(await decisions.allowed('camera')).toBe(true);
});

/** A decision that the server refuses is told, and allows nothing. */
test('a refused decision is told', async () => {
  const { decisions, answers, refused } = desk();
  const decided = decisions.decide('snapshots', 'grant');
  answers[0]?.fail(new ProblemError('bad-wording', 422));
  expect(await decided).toBe(false);
  expect(refused).toEqual(['snapshots']);
});
