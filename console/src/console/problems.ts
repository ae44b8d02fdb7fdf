/** Failures as sentences: what happened and what to do. */
import { text } from '../text';
import { ProblemError } from '../wire/api';

/** Codes for which the console says more, or in other words, than the server. */
const OURS = new Set(['unreachable', 'unexpected', 'not-logged-in', 'wrong-credentials', 'internal', 'foreign-origin']);

/** A sentence for people about `error`; never its internals. */
export function sentence(error: unknown): string {
  if (!(error instanceof ProblemError)) return text.problems.unexpected;
  const ours: string | undefined = text.problems[error.code];
  if (error.detail !== '' && !OURS.has(error.code)) return error.detail;
  return ours ?? (error.detail || text.problems.unexpected);
}
