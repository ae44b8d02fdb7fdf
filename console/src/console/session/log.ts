/** Entries of the log as sentences. */
import { text } from '../../text';
import type { LogEntry, SessionState } from '../../wire/types';
import { nameOf } from './model';

/** Who did it, as far as may be said: first name of staff, number of a guest. */
export function actor(entry: LogEntry, state: SessionState): string {
  if (entry.actor_kind === 'system') return text.log.system;
  if (entry.actor_kind === 'user') return entry.actor_name || text.log.user;
  const guest = state.participants.find((person) => person.id === entry.actor);
  return guest ? nameOf(state, guest) : text.log.guest;
}

/** The whole entry in one sentence. An action this console does not know yet is shown by its name. */
export function logSentence(entry: LogEntry, state: SessionState): string {
  const who = actor(entry, state);
  const said = text.log.actions[entry.action]?.(who, entry.object) ?? text.log.unknown(who, entry.action);
  return entry.outcome === 'ok' ? said : text.log.refused(said, entry.outcome.replace(/^refused:/, ''));
}
