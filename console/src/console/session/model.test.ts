import { describe, expect, test } from 'vitest';
import { text } from '../../text';
import type { InviteView, Participant, SessionState } from '../../wire/types';
import { banner, chip, dimming, guestNumber, inviteStep, liveFor, network, nextCamera, photoBanner, stageCamera, type Moment } from './model';

const guest = (id: string, more: Partial<Participant> = {}): Participant => ({
  id,
  kind: 'guest',
  name: '',
  presence: 'admitted',
  grants: ['camera'],
  device: 'Chrome on Android',
  arrived_us: 1,
  admitted_us: 10e6,
  ...more,
});
const sam = guest('par_sam', { kind: 'technician', name: 'Sam', admitted_us: 0 });

const state = (participants: Participant[], more: Partial<SessionState> = {}): SessionState => ({
  v: 1,
  organisation: 'org',
  session: 'ses',
  revision: 1,
  at_us: 0,
  phase: participants.some((one) => one.kind === 'guest' && one.presence === 'admitted') ? 'live' : 'waiting',
  participants: [sam, ...participants],
  ...more,
});

const moment = (more: Partial<Moment> = {}): Moment => {
  const now = more.state ?? state([guest('a')]);
  return {
    state: now,
    onStage: stageCamera(now, undefined),
    picture: { presence: 'on', age_ms: 40 },
    holdsStill: false,
    serverFlows: true,
    mediaLost: false,
    viewerFailed: false,
    now_us: 100e6,
    ...more,
  };
};
const frozen = { participant: 'a', frame_us: 5, since_us: 88e6 };

describe('the chip', () => {
  const say = text.live.chip;
  test.each<[string, Partial<Moment>, string]>([
    ['nobody is there', { state: state([]) }, say.waiting],
    ['somebody is in the waiting room', { state: state([guest('a', { presence: 'waiting' })]) }, say.arriving],
    ['a fresh picture', {}, say.live],
    ['photos in place of a camera', { state: state([guest('a', { grants: ['snapshots'] })]), picture: undefined }, say.photosOnly],
    ['no picture yet', { picture: undefined }, say.connecting],
    ['a second old', { picture: { presence: 'on', age_ms: 1001 } }, say.weak],
    ['five seconds old', { picture: { presence: 'on', age_ms: 5001 } }, say.stale],
    ['paused, though old', { picture: { presence: 'paused', age_ms: 9000 } }, say.paused],
    ['hidden', { picture: { presence: 'hidden', age_ms: 40 } }, say.hidden],
    ['taken away', { picture: { presence: 'stopped', age_ms: 40 } }, say.stopped],
    ['frozen, though weak', { state: state([guest('a')], { frozen }), picture: { presence: 'on', age_ms: 2000 } }, 'Frozen 0:12'],
    ['everybody left', { state: state([guest('a', { presence: 'left' })], { phase: 'live' }) }, say.left],
    ['over', { state: state([guest('a')], { phase: 'ended', frozen }) }, say.ended],
  ])('%s', (_, more, expected) => {
    expect(chip(moment(more)).text).toBe(expected);
  });

  /** "Live" in green is never said of a picture that is not live: the age decides, whatever else is well. */
  test('never green while old', () => {
    for (let age_ms = 0; age_ms < 20_000; age_ms += 250) {
      const { tone } = chip(moment({ picture: { presence: 'on', age_ms } }));
      expect(tone === 'ok').toBe(age_ms <= 1000);
    }
  });
});

describe('what is said of a photo', () => {
  const photo = { id: 'req_1', participant: 'a', at_us: 1 };
  const asked = state([guest('a')], { photo });

  /** Asked, until there is an answer; "no" for as long as it takes to read it; of the camera on the stage only. */
  test.each<[string, Partial<Moment>, string | undefined]>([
    ['nothing', {}, undefined],
    ['asked', { state: asked }, text.photos.asked],
    ['another camera was asked', { state: state([guest('a')], { photo: { ...photo, participant: 'b' } }) }, undefined],
    ['no', { refused_us: 95e6 }, text.photos.saidNo],
    ['no, a while ago', { refused_us: 85e6 }, undefined],
    ['over', { state: state([guest('a')], { photo, phase: 'ended' }) }, undefined],
  ])('%s', (_, more, expected) => {
    expect(photoBanner(moment(more))?.text).toBe(expected);
  });
});

describe('the banner', () => {
  const say = text.live.banner;
  test.each<[string, Partial<Moment>, string | undefined]>([
    ['all is well', {}, undefined],
    ['the server is silent, before all else', { serverFlows: false, mediaLost: true, picture: undefined }, say.server],
    ['this window cannot show pictures', { viewerFailed: true, mediaLost: true }, say.failed],
    ['the live connection is lost', { mediaLost: true }, say.media],
    ['consent was taken back', { state: state([guest('a', { grants: [] })]) }, say.noConsent],
    ['a still this window does not have', { state: state([guest('a')], { frozen }) }, say.strangeStill],
    ['photos in place of a camera', { state: state([guest('a', { grants: ['snapshots'] })]) }, say.photosOnly],
    ['our own still', { state: state([guest('a')], { frozen }), holdsStill: true }, undefined],
    ['a phone call', { picture: { presence: 'stopped', age_ms: 99 } }, say.stopped],
    ['before the first picture', { picture: { presence: 'on', age_ms: undefined } }, say.first],
    ['old', { picture: { presence: 'on', age_ms: 2400 } }, say.weak('2.4 s')],
    ['they left', { state: state([guest('a', { presence: 'left' })], { phase: 'live' }) }, say.left],
    ['nobody was there', { state: state([]) }, undefined],
    ['over', { state: state([], { phase: 'ended' }), serverFlows: false }, undefined],
  ])('%s', (_, more, expected) => {
    expect(banner(moment(more))?.text).toBe(expected);
  });
});

describe('the stage', () => {
  /** The chosen camera stays while it is there; then the still's; then the first. */
  test('whose camera', () => {
    const two = state([guest('a'), guest('b')]);
    expect(stageCamera(two, 'b')).toBe('b');
    expect(stageCamera(two, 'gone')).toBe('a');
    expect(stageCamera({ ...two, frozen: { ...frozen, participant: 'b' } }, undefined)).toBe('b');
    expect(stageCamera(state([guest('a', { presence: 'waiting' })]), 'a')).toBeUndefined();
  });

  /** Swap goes round, past whoever is not admitted. */
  test('next camera', () => {
    const three = state([guest('a'), guest('x', { presence: 'left' }), guest('b')]);
    expect(nextCamera(three, 'a')).toBe('b');
    expect(nextCamera(three, 'b')).toBe('a');
    expect(nextCamera(state([]), undefined)).toBeUndefined();
  });

  /** A picture that is not live does not look live. */
  test('dimming', () => {
    expect(dimming({ presence: 'on', age_ms: 40 })).toBe('none');
    expect(dimming({ presence: 'stopped', age_ms: 40 })).toBe('dim');
    expect(dimming({ presence: 'on', age_ms: 5001 })).toBe('grey');
    expect(network({ presence: 'on', age_ms: 6000 }).tone).toBe('danger');
  });

  /** Guests keep their number when others leave. */
  test('numbers stay', () => {
    expect(guestNumber(state([guest('a', { presence: 'left' }), guest('b')]), 'b')).toBe(2);
  });
});

describe('invites', () => {
  const invite: InviteView = { id: 'inv', words: 'river lemon', created_us: 0, expires_us: 3600e6 };
  test.each<[string, Partial<InviteView>, number, string]>([
    ['fresh', {}, 1, 'made'],
    ['looked at', { opened_us: 2 }, 3, 'opened'],
    ['the hour is over', { opened_us: 2 }, 3600e6, 'expired'],
    ['redeemed, then over', { opened_us: 2, redeemed_us: 3 }, 9e12, 'joined'],
    ['turned off', { revoked_us: 3 }, 9e12, 'refused'],
    ['asked again', { again_us: 3 }, 9e12, 'again'],
  ])('%s', (_, more, now, step) => {
    expect(inviteStep({ ...invite, ...more }, now)).toBe(step);
  });
});

describe('the timer', () => {
  /** It runs from the first admission to the end, and does not run before. */
  test('from the first admission', () => {
    expect(liveFor(state([guest('a', { admitted_us: 40e6 }), guest('b', { admitted_us: 10e6 })]), 70e6)).toBe(60e6);
    expect(liveFor(state([guest('a')], { ended: { reason: 'technician', at_us: 15e6 } }), 70e6)).toBe(5e6);
    const { admitted_us: _, ...waiting } = guest('a', { presence: 'waiting' });
    expect(liveFor(state([waiting]), 70e6)).toBeUndefined();
  });
});
