import { expect, test } from 'vitest';
import { ViewCounters } from './view-counters';

/** A group that is given again after a lost connection is not received again, also after the clock was begun anew. */
test('a frame is received once', () => {
  const counters = new ViewCounters();
  for (let frame = 0; frame < 30; frame += 1) expect(counters.arrived(1000, frame * 33_333, frame * 33)).toBe(true);
  counters.newClock();
  for (let frame = 20; frame < 30; frame += 1) expect(counters.arrived(1000, frame * 33_333, 2000)).toBe(false);
  expect(counters.arrived(1000, 30 * 33_333, 2010)).toBe(true);
  expect(counters.received).toBe(31);
});

/** The control: what was long ago is forgotten, so that memory is bounded. */
test('old frames are forgotten', () => {
  const counters = new ViewCounters();
  for (let frame = 0; frame < 2000; frame += 1) counters.arrived(1000, frame, frame);
  expect(counters.arrived(1000, 3, 2001)).toBe(true);
  expect(counters.arrived(1000, 1999, 2001)).toBe(false);
});
