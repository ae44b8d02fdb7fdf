/** A session as text, for a clinical record or a work order. */
import { text } from '../../text';
import type { SessionView } from '../../wire/types';
import { elapsed, fullMoment } from '../clock';
import { guests, liveFor, nameOf } from './model';

/** Consents of each guest, as `Guest 1: Camera, Photos (until they left)`. */
export function consentLines(session: SessionView): string[] {
  return guests(session.state).flatMap((guest) => {
    const { grants, grants_until_left = [] } = guest;
    const ended = grants_until_left.filter((one) => !grants.includes(one));
    const said = [
      ...grants.map((one) => text.consents[one]),
      ...ended.map((one) => text.ended.untilLeft(text.consents[one])),
    ];
    return said.length > 0 ? [`${nameOf(session.state, guest)}: ${said.join(', ')}`] : [];
  });
}

/** What guests said of their visit, as `Guest 1: It helped`. */
export function feedbackLines(session: SessionView): string[] {
  return guests(session.state).flatMap((guest) =>
    guest.helped === undefined ? [] : [`${nameOf(session.state, guest)}: ${guest.helped ? text.feedback.helped : text.feedback.notHelped}`],
  );
}

/** Lines of `Name: value`; what is empty is left out. */
export function record(session: SessionView, note: string, now_us: number): string {
  const { state } = session;
  const duration = liveFor(state, now_us);
  const staff = state.participants.filter((person) => person.kind === 'technician').map((person) => person.name);
  const patient = [session.patient_name, session.patient_phone, session.patient_email].filter((part) => part !== '');
  const devices = guests(state).map((guest) => guest.device);
  const lines: [string, string][] = [
    [text.record.title, session.title],
    [text.record.patient, patient.join(', ')],
    [text.record.technician, staff.join(', ')],
    [text.record.opened, fullMoment(session.created_us)],
    [text.record.ended, state.ended ? fullMoment(state.ended.at_us) : ''],
    [text.record.duration, duration === undefined ? text.ended.neverLive : elapsed(duration)],
    [text.record.reason, state.ended ? text.endReasons[state.ended.reason] : ''],
    [text.record.devices, devices.filter((device) => device !== '').join(', ')],
    [text.record.consents, consentLines(session).join('; ') || text.ended.noConsents],
    [text.record.feedback, feedbackLines(session).join('; ')],
    [text.record.note, note.includes('\n') ? `\n${note}` : note],
    [text.record.id, session.id],
  ];
  return lines
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}: ${value}`)
    .join('\n');
}
