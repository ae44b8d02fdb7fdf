import { describe, expect, test } from 'vitest';
import type { SessionView } from '../../wire/types';
import { strength } from '../strength';
import { elapsed, age } from '../clock';
import { command } from './keys';
import { record } from './record';

const press = (key: string, more = {}) => command({ key, ctrlKey: false, altKey: false, metaKey: false, shiftKey: false, repeat: false, ...more });

describe('the record', () => {
  /** It says who, when, how long, why and what was allowed; what is empty is not mentioned. */
  test('whole, and nothing empty', () => {
    const session: SessionView = {
      id: 'ses_1', title: 'Pump', agenda: '', description: '', patient_name: 'Dana Weber', patient_phone: '', patient_email: '',
      created_us: 1e15, invites: [], me: 'par_t',
      state: {
        v: 1, organisation: 'o', session: 'ses_1', revision: 1, at_us: 0, phase: 'ended',
        ended: { reason: 'idle', at_us: 1e15 + 754e6 },
        participants: [
          { id: 'par_t', kind: 'technician', name: 'Sam', presence: 'left', grants: [], device: '', arrived_us: 1 },
          { id: 'par_g', kind: 'guest', name: '', presence: 'left', grants: [], grants_until_left: ['camera'], device: 'Chrome on Android', arrived_us: 1, admitted_us: 1e15, helped: false },
        ],
      },
    };
    const said = record(session, 'Display shows E-07.', 0);
    for (const part of ['Title: Pump', 'Patient: Dana Weber\n', 'Technician: Sam', 'Duration: 12:34', 'Consents: Guest 1: Camera (until they left)', 'Feedback: Guest 1: It did not help', 'Note: Display shows E-07.', 'Session: ses_1']) {
      expect(said).toContain(part);
    }
    expect(record(session, '', 0)).not.toContain('Note');
  });
});

describe('times', () => {
  test('as people read them', () => {
    expect([0, 12e6, 725e6, 3723e6, -5].map(elapsed)).toEqual(['0:00', '0:12', '12:05', '1:02:03', '0:00']);
    expect([1400, 9949, 12_000, 180_000].map(age)).toEqual(['1.4 s', '9.9 s', '12 s', '3 min']);
  });
});

describe('keys', () => {
  /** Combinations are the browser's, and a key that is held down acts once. */
  test('what acts and what does not', () => {
    expect(press(' ')).toEqual({ do: 'freeze' });
    expect(press('Enter')).toEqual({ do: 'enter' });
    expect(press('?', { shiftKey: true })).toEqual({ do: 'help' });
    expect(press('n', { ctrlKey: true })).toBeUndefined();
    expect(press(' ', { repeat: true })).toBeUndefined();
    expect(press('e')).toBeUndefined();
    expect(press('constructor')).toBeUndefined();
  });

  /** Tools, colours, the crosshair and taking back; an arrow that is held down goes on. */
  test('drawing', () => {
    expect(press('a')).toEqual({ do: 'tool', tool: 'arrow' });
    expect(press('3')).toEqual({ do: 'colour', colour: 'pink' });
    expect(press('ArrowLeft', { repeat: true })).toEqual({ do: 'nudge', dx: -0.01, dy: 0 });
    expect(press('ArrowDown', { shiftKey: true })).toEqual({ do: 'nudge', dx: 0, dy: 0.05 });
    expect(press('z', { ctrlKey: true })).toEqual({ do: 'undo' });
    expect(press('z', { metaKey: true })).toEqual({ do: 'undo' });
    expect(press('5')).toBeUndefined();
  });
});

describe('the strength hint', () => {
  test('length first, then surprise', () => {
    expect(strength('short')).toEqual({ kind: 'short', missing: 10 });
    expect(strength('aaaaaaaaaaaaaaaaaaaaaaaa').kind).toBe('weak');
    expect(strength('abcdefghijklmnopqrstuvwxyz').kind).toBe('weak');
    expect(strength('City Clinic Sam Rivera', ['City Clinic', 'Sam Rivera', 'sam@cityclinic.org']).kind).toBe('weak');
    expect(strength('river lemon cotton drum').kind).not.toBe('weak');
    expect(strength('seven quiet tractors beside a museum').kind).toBe('strong');
  });
});
