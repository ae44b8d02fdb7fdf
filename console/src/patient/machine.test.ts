import { describe, expect, test } from 'vitest';
import type { Mark } from '../wire/types';
import { marksOn, screen, step, stillOf, wants, type Event, type Trouble } from './machine';
import { after, ask, effectsOf, joining, live, opened, peek, screenAfter, told, toldLive, view, waiting } from './machine.scenes';

const frozen = { participant: 'par_1', frame_us: 5, since_us: 77 };

describe('the way in', () => {
  /** Opening the link spends nothing: the first thing that is asked is a peek. */
  test('peeks first', () => {
    expect(effectsOf(opened)).toEqual([{ do: 'peek' }]);
    expect(screenAfter(opened)).toBe('loading');
    expect(screenAfter(...ask)).toBe('ask');
    expect(after(...ask).state.host).toEqual({
      organisation: 'City Clinic',
      phone: '+1 555 0100',
      technician: 'Sam',
      words: 'river lemon',
      wording: 'Sam will see what your phone sees.',
      photoWording: 'Sam wants to take a photo.',
    });
  });

  /** The camera comes before the link is spent: a link spent on a browser without a camera is a lost patient. */
  test('opens the camera, then redeems, then allows', () => {
    expect(effectsOf(...ask, { type: 'start' })).toEqual([{ do: 'openCamera' }]);
    expect(effectsOf(...joining)).toEqual([{ do: 'join', takeOver: false }]);
    expect(effectsOf(...joining, { type: 'joined', view })).toEqual([
      { do: 'forgetSecret' },
      { do: 'consent', purpose: 'camera', decision: 'grant' },
    ]);
    expect(screenAfter(...waiting)).toBe('waiting');
  });

  /** One tap, one request for the camera. */
  test('asks for the camera once a tap', () => {
    expect(effectsOf(...ask, { type: 'start' }, { type: 'start' })).toEqual([]);
    expect(effectsOf(...live, { type: 'start' })).toEqual([]);
  });

  /** Nothing of the realtime plane before the technician admits; then all of it. */
  test('reaches the realtime plane with admission only', () => {
    expect(wants(after(...waiting).state)).toMatchObject({ realtime: false, events: true, awake: true, patience: true });
    expect(screenAfter(...live)).toBe('live');
    expect(wants(after(...live).state)).toMatchObject({ realtime: true, presence: 'on', patience: false });
  });

  /** While the state comes over the realtime plane the events rest; when it is lost they come back. */
  test('listens one way at a time', () => {
    expect(wants(after(...live, { type: 'following', now: true }).state).events).toBe(false);
    expect(wants(after(...live, { type: 'following', now: true }, { type: 'following', now: false }).state).events).toBe(true);
  });

  /** Both ways overlap for a moment, and either may be the slower: a still that was taken away does not come back. */
  test('does not go back to an older state', () => {
    const said = (revision: number, change = {}) => toldLive({ revision, ...change });
    const { state } = after(...live, said(7, { frozen }), said(8), said(7, { frozen }));
    expect([state.revision, state.frozen]).toEqual([8, undefined]);
    expect(after(...live, said(7), said(7, { frozen })).state.frozen).toEqual(frozen);
  });
});

describe('a link that leads nowhere', () => {
  const host = { organisation: 'City Clinic', organisation_phone: '+1 555 0100' };
  const peekRefused = (code: string) => after(opened, { type: 'refused', code, host });

  /** Every refusal has its own words. */
  test.each([
    ['invite-expired', 'stuck-expired'],
    ['invite-used', 'stuck-used'],
    ['invite-revoked', 'stuck-revoked'],
    ['invite-unknown', 'stuck-incomplete'],
    ['not-logged-in', 'stuck-incomplete'],
    ['session-ended', 'over-finished'],
    ['internal', 'trouble-failed'],
    ['unreachable', 'offline'],
  ] as const)('because of %s is %s', (code, expected) => {
    expect(screen(peekRefused(code).state)).toBe(expected);
    expect(peekRefused(code).state.host).toMatchObject({ organisation: 'City Clinic', phone: '+1 555 0100' });
  });

  /** A fault of the server ends with another try of the same. */
  test('for now is tried again', () => {
    const { state } = peekRefused('internal');
    expect(step(state, { type: 'tryAgain' }).effects).toEqual([{ do: 'peek' }]);
    expect(screen(step(peekRefused('unreachable').state, { type: 'peeked', peek, mine: false }).state)).toBe('ask');
  });

  /** Expired: a new text is asked for, once. */
  test('because it expired offers a new text', () => {
    const { state } = peekRefused('invite-expired');
    const asked = step(state, { type: 'askAgain' });
    expect(asked.effects).toEqual([{ do: 'again' }]);
    expect(step(asked.state, { type: 'askAgain' }).effects).toEqual([]);
    expect(screen(step(asked.state, { type: 'done', what: 'again' }).state)).toBe('over-asked-again');
    const failed = step(asked.state, { type: 'notDone' }).state;
    expect(failed).toMatchObject({ busy: false, failed: true });
    expect(screen(failed)).toBe('stuck-expired');
  });

  /** Used elsewhere: this phone may take its place, which asks for the camera and for admission again. */
  test('because another phone holds it can be taken over', () => {
    const used: Event[] = [opened, { type: 'peeked', peek: { ...peek, used: true }, mine: false }];
    expect(screenAfter(...used)).toBe('stuck-used');
    expect(effectsOf(...used, { type: 'useThisPhone' })).toEqual([{ do: 'openCamera' }]);
    expect(effectsOf(...used, { type: 'useThisPhone' }, { type: 'cameraOpened' })).toEqual([{ do: 'join', takeOver: true }]);
    // A browser that has no video to give asks for no camera, and puts nobody out.
    const old: Event[] = [{ ...opened, verdict: 'old-browser' }, { type: 'peeked', peek: { ...peek, used: true }, mine: false }];
    expect(effectsOf(...old, { type: 'useThisPhone' })).toEqual([]);
    expect(screenAfter(...old, { type: 'useThisPhone' })).toBe('trouble-old-browser');
    // What this phone decided when it was inside before does not count for its new place.
    const again: Event[] = [...joining, { type: 'joined', view }, toldLive({ camera: false, presence: 'left' })];
    const back: Event[] = [...again, { type: 'useThisPhone' }, { type: 'cameraOpened' }, { type: 'joined', view }];
    expect(effectsOf(...back)).toContainEqual({ do: 'consent', purpose: 'camera', decision: 'grant' });
  });

  /** Redeemed by this very device, it simply goes on. */
  test('is not one when this device holds it', () => {
    expect(screenAfter(opened, { type: 'peeked', peek: { ...peek, used: true }, mine: true })).toBe('ask');
  });

  /** Refused while joining: the words of that refusal, and the camera is closed. */
  test('is told after the camera was granted too', () => {
    const late = after(...joining, { type: 'refused', code: 'invite-used' }).state;
    expect(screen(late)).toBe('stuck-used');
    expect(wants(late).camera).toBe(false);
  });

  /** Not me: the link is turned off and nothing can be started any more. */
  test('because it went to somebody else is turned off', () => {
    expect(effectsOf(...ask, { type: 'notMe' })).toEqual([{ do: 'refuse' }]);
    const done: Event[] = [...ask, { type: 'notMe' }, { type: 'done', what: 'refuse' }];
    expect(screenAfter(...done)).toBe('over-not-me');
    expect(effectsOf(...done, { type: 'start' })).toEqual([]);
  });
});

describe('a camera that does not open', () => {
  const refused = (trouble: Trouble): Event[] => [...ask, { type: 'start' }, { type: 'cameraRefused', trouble }];

  /** Every cause has its own screen, and nothing was spent. */
  test.each(['denied', 'blocked', 'in-app', 'old-browser', 'in-use', 'failed'] as const)('because %s says so', (why) => {
    expect(screenAfter(...refused(why))).toBe(`trouble-${why}`);
    expect(after(...refused(why)).state.stage).toBe('asked');
  });

  /** A denial lasts until the page is loaded anew; a busy camera only needs another try. */
  test('is tried again in the way that helps', () => {
    expect(effectsOf(...refused('denied'), { type: 'tryAgain' })).toEqual([{ do: 'reload' }]);
    expect(effectsOf(...refused('blocked'), { type: 'tryAgain' })).toEqual([{ do: 'reload' }]);
    expect(effectsOf(...refused('in-use'), { type: 'tryAgain' })).toEqual([{ do: 'openCamera' }]);
  });

  /** A browser that cannot is told before it is asked, with the organisation's name on the page. */
  test('cannot on this browser', () => {
    const old = after({ ...opened, verdict: 'old-browser' }, { type: 'peeked', peek, mine: false }).state;
    expect(screen(old)).toBe('trouble-old-browser');
    expect(old.host.organisation).toBe('City Clinic');
  });
});

describe('the waiting room', () => {
  /** After three minutes two ways are offered; waiting on starts the three minutes anew. */
  test('offers a text after three minutes', () => {
    const late: Event[] = [...waiting, { type: 'waitedLong' }];
    expect(after(...late).state.late).toBe(true);
    expect(wants(after(...late).state).patience).toBe(false);
    expect(wants(after(...late, { type: 'keepWaiting' }).state).patience).toBe(true);
    expect(effectsOf(...late, { type: 'textLater' })).toEqual([{ do: 'later' }]);
    expect(screenAfter(...late, { type: 'textLater' }, { type: 'done', what: 'later' })).toBe('over-later');
  });

  /** The camera can be off there, and on again with a new grant. */
  test('can be without a camera', () => {
    const off: Event[] = [...waiting, { type: 'turnOff' }];
    expect(effectsOf(...off)).toEqual([{ do: 'consent', purpose: 'camera', decision: 'revoke' }]);
    expect(screenAfter(...off)).toBe('waiting');
    expect(wants(after(...off).state)).toMatchObject({ camera: false, presence: 'off' });
    expect(effectsOf(...off, { type: 'start' }, { type: 'cameraOpened' })).toEqual([{ do: 'consent', purpose: 'camera', decision: 'grant' }]);
  });

  /** Sent away, or the session ends: the camera is off and the page says so. */
  test('ends when the technician says so', () => {
    expect(screenAfter(...waiting, told({ presence: 'declined' }))).toBe('over-declined');
    expect(screenAfter(...waiting, told({ phase: 'ended' }))).toBe('over-finished');
    expect(wants(after(...waiting, told({ phase: 'ended' })).state)).toMatchObject({ camera: false, events: false, awake: false });
  });
});

describe('live', () => {
  /** Pause stops the picture for everybody and keeps the camera. */
  test('can pause', () => {
    const paused: Event[] = [...live, { type: 'pause' }];
    expect(screenAfter(...paused)).toBe('paused');
    expect(wants(after(...paused).state)).toMatchObject({ presence: 'paused', camera: true, realtime: true });
    expect(screenAfter(...paused, { type: 'goOn' })).toBe('live');
  });

  /** A hidden page sends nothing, and everybody is told. */
  test('says when the page is hidden', () => {
    expect(wants(after(...live, { type: 'hidden', now: true }).state).presence).toBe('hidden');
    expect(wants(after(...live, { type: 'hidden', now: true }, { type: 'hidden', now: false }).state).presence).toBe('on');
  });

  /** A camera that the phone took away comes back by a tap, and its grant still stands. */
  test('says when the phone took the camera', () => {
    const stopped: Event[] = [...live, { type: 'cameraEnded' }];
    expect(screenAfter(...stopped)).toBe('stopped');
    expect(wants(after(...stopped).state).presence).toBe('stopped');
    expect(effectsOf(...stopped, { type: 'start' })).toEqual([{ do: 'openCamera' }]);
    expect(effectsOf(...stopped, { type: 'start' }, { type: 'cameraOpened' })).toEqual([]);
    expect(screenAfter(...stopped, { type: 'start' }, { type: 'cameraOpened' })).toBe('live');
    expect(screenAfter(...stopped, { type: 'cameraBack' })).toBe('live');
  });

  /** The switch withdraws the grant at once; on again is a new one. */
  test('has a switch that withdraws the grant', () => {
    const off: Event[] = [...live, { type: 'turnOff' }];
    expect(effectsOf(...off)).toEqual([{ do: 'consent', purpose: 'camera', decision: 'revoke' }]);
    expect(screenAfter(...off)).toBe('stopped');
    expect(wants(after(...off).state)).toMatchObject({ camera: false, presence: 'off', realtime: true });
    expect(effectsOf(...off, { type: 'start' }, { type: 'cameraOpened' })).toEqual([{ do: 'consent', purpose: 'camera', decision: 'grant' }]);
  });

  /** Frozen by the technician: the still is seen here too, until "Back to camera"; the next still is seen again. */
  test('shows the still of a freeze', () => {
    const still: Event[] = [...live, toldLive({ frozen })];
    expect(stillOf(after(...still).state)).toEqual(frozen);
    expect(stillOf(after(...still, { type: 'backToCamera' }).state)).toBeUndefined();
    const next = toldLive({ frozen: { ...frozen, since_us: 78 } });
    expect(stillOf(after(...still, { type: 'backToCamera' }, next).state)?.since_us).toBe(78);
    expect(stillOf(after(...still, toldLive()).state)).toBeUndefined();
  });

  /** A lost network keeps the picture and the place; a notice says it. */
  test('keeps the place without a network', () => {
    const lost = after(...live, { type: 'offline', now: true }).state;
    expect(screen(lost)).toBe('live');
    expect(lost.offline).toBe(true);
    expect(step(lost, { type: 'offline', now: false }).effects).toEqual([{ do: 'hurry' }]);
    expect(step(lost, { type: 'tryNow' }).effects).toEqual([{ do: 'hurry' }]);
  });

  /** Another phone took this one's place. */
  test('ends on this phone when another one takes over', () => {
    expect(screenAfter(...live, told({ presence: 'left', phase: 'live' }))).toBe('stuck-used');
    expect(screenAfter(...live, { type: 'refused', code: 'not-logged-in' })).toBe('stuck-used');
  });

  /** Stop: the camera is off, the server knows, the key is gone, and nothing that comes later changes that. */
  test('stops for good', () => {
    const stopped: Event[] = [...live, { type: 'leave' }];
    expect(effectsOf(...stopped)).toEqual([{ do: 'leave' }, { do: 'forgetKey' }]);
    expect(screenAfter(...stopped)).toBe('over-left');
    expect(wants(after(...stopped).state)).toEqual({
      events: false,
      realtime: false,
      camera: false,
      awake: false,
      patience: false,
      presence: 'off',
    });
    expect(screenAfter(...stopped, toldLive(), { type: 'start' })).toBe('over-left');
  });
});

describe('whether it helped', () => {
  const finished: Event[] = [...live, told({ presence: 'admitted', phase: 'ended' })];

  /** Said once, after the end; a failure can be tried again. */
  test('is said once', () => {
    expect(effectsOf(...live, { type: 'feedback', helped: true })).toEqual([]);
    const said: Event[] = [...finished, { type: 'feedback', helped: false }];
    expect(effectsOf(...said)).toEqual([{ do: 'feedback', helped: false }]);
    expect(effectsOf(...said, { type: 'feedback', helped: true })).toEqual([]);
    expect(effectsOf(...said, { type: 'notDone' }, { type: 'feedback', helped: true })).toEqual([{ do: 'feedback', helped: true }]);
    const done = after(...said, { type: 'done', what: 'feedback' }).state;
    expect(done).toMatchObject({ thanked: true, busy: false });
    expect(screen(done)).toBe('over-finished');
    expect(step(done, { type: 'feedback', helped: true }).effects).toEqual([]);
  });

  /** Whoever was let in can say it, however the visit ended; nobody else is asked. */
  test('is asked of those who were let in', () => {
    expect(after(...finished).state.admitted).toBe(true);
    expect(after(...live, { type: 'leave' }).state.admitted).toBe(true);
    expect(after(...waiting, { type: 'leave' }).state.admitted).toBe(false);
    expect(after(opened, { type: 'refused', code: 'session-ended' }).state.admitted).toBe(false);
    const over: Event = { type: 'resumed', view: { ...view, presence: 'admitted', phase: 'ended' } };
    expect(after({ ...opened, secret: false }, over).state.admitted).toBe(true);
  });
});

describe('a reload', () => {
  const reloaded: Event[] = [{ ...opened, secret: false }];

  /** Keeps the place; only a tap opens the camera again. */
  test('keeps the place', () => {
    expect(effectsOf(...reloaded)).toEqual([{ do: 'resume' }]);
    expect(screenAfter(...reloaded, { type: 'resumed', view })).toBe('stopped');
    const inside: Event = { type: 'resumed', view: { ...view, presence: 'admitted', phase: 'live', grants: ['camera'] } };
    expect(screenAfter(...reloaded, inside)).toBe('stopped');
    expect(effectsOf(...reloaded, inside, { type: 'start' })).toEqual([{ do: 'openCamera' }]);
    expect(screenAfter(...reloaded, inside, { type: 'start' }, { type: 'cameraOpened' })).toBe('live');
  });

  /** Without a place to keep it says what to do. */
  test('without a visit asks for the link', () => {
    expect(screenAfter(...reloaded, { type: 'refused', code: 'not-logged-in' })).toBe('stuck-incomplete');
    expect(screenAfter(...reloaded, { type: 'resumed', view: { ...view, phase: 'ended' } })).toBe('over-finished');
    expect(screenAfter(...reloaded, { type: 'resumed', view: { ...view, presence: 'left' } })).toBe('over-left');
  });
});

describe('what is drawn', () => {
  const mark = (capture_us: number): Mark => ({
    v: 1, id: 'mrk_1', author: 'par_s', camera: 'par_1', capture_us,
    geometry: { kind: 'point', at: { x: 0.5, y: 0.5 } }, style: { colour: 'pink', width: 0.006 },
  });

  /** On the still are the marks of that very picture, and no others. */
  test('belongs to its still', () => {
    const { state } = after({ type: 'marks', marks: [mark(5), mark(1_004), mark(40_000)] });
    expect(marksOn(state, frozen).map(({ capture_us }) => capture_us)).toEqual([5, 1_004]);
  });

  /** Who draws is named for as long as they do, once each. */
  test('is said of whoever draws', () => {
    const drawing = (name: string, now: boolean): Event => ({ type: 'drawing', name, now });
    expect(after(drawing('Sam', true), drawing('Kim', true), drawing('Sam', true)).state.drawing).toEqual(['Kim', 'Sam']);
    expect(after(drawing('Sam', true), drawing('Sam', false)).state.drawing).toEqual([]);
  });
});
