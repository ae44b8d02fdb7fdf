import { describe, expect, test } from 'vitest';
import type { PhotoRequest } from '../wire/types';
import { asksPhoto, mayTake, photoRequest, screen, wants, type Effect, type Event } from './machine';
import { after, ask, effectsOf, live, screenAfter, toldLive, view } from './machine.scenes';

const request: PhotoRequest = { id: 'req_1', participant: 'par_1', at_us: 5 };
const wanted: Event[] = [...live, toldLive({ photo: request })];
const grant: Effect = { do: 'consent', purpose: 'snapshots', decision: 'grant' };
const take: Effect = { do: 'takePhoto', request: 'req_1' };

describe('a photo that is asked for', () => {
  /** Nothing is taken before "Yes": the words are shown, and the consent goes before the picture. */
  test('is taken after a signed yes', () => {
    expect(effectsOf(...wanted)).toEqual([]);
    expect(asksPhoto(after(...wanted).state)).toBe(true);
    expect(effectsOf(...wanted, { type: 'allowPhoto' })).toEqual([grant, take]);
    expect(asksPhoto(after(...wanted, { type: 'allowPhoto' }).state)).toBe(false);
    expect(after(...wanted, { type: 'allowPhoto' }, { type: 'photoKept' }).state.taking).toBe(false);
  });

  /** One request, one photo: what the server says meanwhile changes nothing, and a second tap does nothing. */
  test('is taken once', () => {
    const yes: Event[] = [...wanted, { type: 'allowPhoto' }];
    expect(effectsOf(...yes, { type: 'allowPhoto' })).toEqual([]);
    expect(effectsOf(...yes, toldLive({ photos: true, photo: request }))).toEqual([]);
    expect(effectsOf(...yes, { type: 'photoKept' }, toldLive({ photos: true, photo: request }))).toEqual([]);
    expect(effectsOf(...yes, { type: 'photoKept' }, toldLive({ photos: false, photo: request }))).toEqual([]);
  });

  /** "No" is told, nothing is signed, and it is not asked again. */
  test('can be refused', () => {
    const no: Event[] = [...wanted, { type: 'refusePhoto' }];
    expect(effectsOf(...no)).toEqual([{ do: 'declinePhoto', request: 'req_1' }]);
    expect(asksPhoto(after(...no, toldLive({ photo: request })).state)).toBe(false);
    const next = { ...request, id: 'req_2' };
    expect(asksPhoto(after(...no, toldLive({ photo: next })).state)).toBe(true);
  });

  /** While the grant is in force it is taken at once; withdrawn, the next one is asked again. */
  test('is taken at once while photos are allowed', () => {
    const allowed: Event[] = [...live, toldLive({ photos: true })];
    expect(effectsOf(...allowed, toldLive({ photos: true, photo: request }))).toEqual([take]);
    const withdrawn: Event[] = [...allowed, { type: 'photosOff' }];
    expect(effectsOf(...withdrawn)).toEqual([{ do: 'consent', purpose: 'snapshots', decision: 'revoke' }]);
    expect(effectsOf(...withdrawn, toldLive({ photo: request }))).toEqual([]);
    expect(asksPhoto(after(...withdrawn, toldLive({ photo: request })).state)).toBe(true);
    expect(effectsOf(...withdrawn, { type: 'photosOn' })).toEqual([grant]);
  });

  /** "Paused. No one can see your camera." holds for photos too: nothing is taken or asked before "Go on". */
  test('waits while the camera shows nothing', () => {
    const paused: Event[] = [...live, toldLive({ photos: true }), { type: 'pause' }, toldLive({ photos: true, photo: request })];
    expect(effectsOf(...paused)).toEqual([]);
    expect(effectsOf(...paused, { type: 'goOn' })).toEqual([take]);
    const stopped: Event[] = [...live, { type: 'cameraEnded' }, toldLive({ photo: request })];
    expect(asksPhoto(after(...stopped).state)).toBe(false);
    expect(asksPhoto(after(...stopped, { type: 'cameraBack' }).state)).toBe(true);
  });

  /** What was allowed while nothing could be sent is not taken once the screen says "No one can see your camera." */
  test('is not taken after a pause', () => {
    const may = (...events: Event[]) => mayTake(after(...wanted, { type: 'allowPhoto' }, ...events).state, request.id);
    expect(may()).toBe(true);
    expect(may({ type: 'offline', now: true }, { type: 'pause' }, { type: 'offline', now: false })).toBe(false);
    expect(may({ type: 'hidden', now: true })).toBe(false);
    expect(may({ type: 'turnOff' })).toBe(false);
    expect(may(toldLive())).toBe(false);
  });

  /** A state from before a decision is not believed: nothing is taken, and nothing is shown, that was just switched off. */
  test('is not taken on the word of an older state', () => {
    const off: Event[] = [...live, toldLive({ photos: true }), { type: 'photosOff' }];
    const stale = toldLive({ photos: true, photo: request });
    expect(effectsOf(...off, stale)).toEqual([]);
    expect(asksPhoto(after(...off, stale).state)).toBe(true);
    expect(after(...off, stale, toldLive(), toldLive({ photos: true })).state.photos).toBe(true);
    expect(after(...off, { type: 'decisionRefused', purpose: 'snapshots' }, stale).state.photos).toBe(true);
    const dark: Event[] = [...live, { type: 'turnOff' }, toldLive({ camera: true }), { type: 'start' }, { type: 'cameraOpened' }];
    expect(effectsOf(...dark)).toEqual([{ do: 'consent', purpose: 'camera', decision: 'grant' }]);
  });

  /** What is in the outbox already answers its request, also after a reload. */
  test('is not taken while one for the same request waits', () => {
    const kept: Event = { type: 'outbox', waiting: 1, sent: 0, refused: 0, answers: ['req_1'] };
    const allowed: Event[] = [...live, toldLive({ photos: true }), kept];
    expect(effectsOf(...allowed, toldLive({ photos: true, photo: request }))).toEqual([]);
    expect(effectsOf(...allowed, toldLive({ photos: true, photo: { ...request, id: 'req_2' } }))).toEqual([{ ...take, request: 'req_2' }]);
  });

  /** A photo that failed is said, and is taken again only after another "Yes". */
  test('that failed is asked again', () => {
    const failed: Event[] = [...wanted, { type: 'allowPhoto' }, { type: 'photoFailed', problem: 'failed' }];
    expect(effectsOf(...failed)).toEqual([]);
    expect(asksPhoto(after(...failed).state)).toBe(true);
    expect(effectsOf(...failed, { type: 'allowPhoto' })).toEqual([grant, take]);
    expect(after(...failed, { type: 'allowPhoto' }).state.photoProblem).toBeUndefined();
  });

  /** Taken back by the technician, or the end: the question goes. */
  test('goes when nobody wants it any more', () => {
    expect(asksPhoto(after(...wanted, toldLive()).state)).toBe(false);
    expect(photoRequest(after(...wanted, toldLive({ phase: 'ended' })).state)).toBeUndefined();
  });
});

describe('a photo in place of the camera', () => {
  const picked: Event[] = [...ask, { type: 'photoPicked' }];
  const chosen: Event[] = [...picked, { type: 'photoRead' }];
  const joining: Event[] = [...chosen, { type: 'sendChosen' }];
  const joined: Event[] = [...joining, { type: 'joined', view }];

  /** The link is spent after a photo was chosen and its words were agreed to, never before; no camera is asked for. */
  test('is chosen first, then the link is redeemed', () => {
    expect(effectsOf(...picked)).toEqual([{ do: 'readPhoto' }]);
    expect(screenAfter(...picked)).toBe('ask');
    expect(effectsOf(...chosen)).toEqual([]);
    expect(screenAfter(...chosen)).toBe('photo');
    expect(effectsOf(...joining)).toEqual([{ do: 'join', takeOver: false }]);
    expect(effectsOf(...joined)).toEqual([{ do: 'forgetSecret' }, grant, { do: 'sendChosen' }]);
    expect(screenAfter(...joined)).toBe('photos');
    expect(wants(after(...joined).state)).toMatchObject({ camera: false, events: true, presence: 'off' });
  });

  /** A file that is no picture spends nothing; neither does a second thought. */
  test('can be unreadable or dropped', () => {
    const unreadable = after(...picked, { type: 'photoFailed', problem: 'unreadable' });
    expect(unreadable.effects).toEqual([]);
    expect(screen(unreadable.state)).toBe('ask');
    expect(unreadable.state.photoProblem).toBe('unreadable');
    expect(effectsOf(...chosen, { type: 'dropChosen' })).toEqual([{ do: 'dropChosen' }]);
    expect(screenAfter(...chosen, { type: 'dropChosen' })).toBe('ask');
    expect(effectsOf(...chosen, { type: 'dropChosen' }, { type: 'start' })).toEqual([{ do: 'openCamera' }]);
  });

  /** From every screen that says why there is no camera. */
  test.each(['denied', 'blocked', 'in-app', 'old-browser', 'in-use'] as const)('helps where the camera is %s', (trouble) => {
    const stuck: Event[] = [...ask, { type: 'start' }, { type: 'cameraRefused', trouble }];
    const photo: Event[] = [...stuck, { type: 'photoPicked' }, { type: 'photoRead' }];
    expect(screenAfter(...photo)).toBe('photo');
    expect(screenAfter(...photo, { type: 'dropChosen' })).toBe(`trouble-${trouble}`);
    expect(screenAfter(...photo, { type: 'sendChosen' }, { type: 'joined', view })).toBe('photos');
  });

  /** A fault of the server while joining keeps the photo, and "Yes" tries again. */
  test('survives a fault of the server', () => {
    const faulty: Event[] = [...joining, { type: 'refused', code: 'internal' }];
    expect(screenAfter(...faulty)).toBe('photo');
    expect(after(...faulty).state.failed).toBe(true);
    expect(effectsOf(...faulty, { type: 'sendChosen' })).toEqual([{ do: 'join', takeOver: false }]);
    expect(screenAfter(...joining, { type: 'refused', code: 'invite-used' })).toBe('stuck-used');
  });

  /** The next one needs no words again while they are in force, and answers what is asked. */
  test('is followed by another', () => {
    const inside: Event[] = [...joined, { type: 'photoKept' }, toldLive({ camera: false, photos: true })];
    const another: Event[] = [{ type: 'photoPicked' }, { type: 'photoRead' }];
    expect(effectsOf(...inside, ...another)).toEqual([{ do: 'sendChosen' }]);
    const asked = toldLive({ camera: false, photos: true, photo: request });
    expect(effectsOf(...inside, asked)).toEqual([]);
    expect(effectsOf(...inside, asked, ...another)).toEqual([{ do: 'sendChosen', request: 'req_1' }]);
    expect(effectsOf(...inside, asked, { type: 'refusePhoto' })).toEqual([{ do: 'declinePhoto', request: 'req_1' }]);
    expect(effectsOf(...inside, { type: 'start' })).toEqual([{ do: 'openCamera' }]);
    expect(screenAfter(...inside, { type: 'start' }, { type: 'cameraOpened' })).toBe('live');
  });

  /** A camera that is asked for while a picture is read gives way to the picture, and can be asked for again. */
  test('does not leave a camera half open', () => {
    const inside: Event[] = [...joined, { type: 'photoKept' }, toldLive({ camera: false, photos: true })];
    const both: Event[] = [...inside, { type: 'photoPicked' }, { type: 'start' }];
    expect(screenAfter(...both)).toBe('photos');
    expect(wants(after(...both).state).camera).toBe(true);
    expect(wants(after(...both, { type: 'photoRead' }).state).camera).toBe(false);
    expect(effectsOf(...both, { type: 'photoRead' }, { type: 'photoKept' }, { type: 'start' })).toEqual([{ do: 'openCamera' }]);
    const outside: Event[] = [...picked, { type: 'start' }, { type: 'photoRead' }, { type: 'sendChosen' }];
    expect(after(...outside).state.camera).toBe('off');
    // The words about the photo hide no camera that opens behind them.
    const chosen: Event[] = [...picked, { type: 'start' }, { type: 'photoRead' }];
    expect(wants(after(...chosen).state).camera).toBe(false);
    expect(effectsOf(...chosen, { type: 'cameraOpened' })).toEqual([]);
  });

  /** After a reload the visit is still one of photos. */
  test('is remembered over a reload', () => {
    const resumed: Event = { type: 'resumed', view: { ...view, grants: ['snapshots'] } };
    expect(screenAfter({ type: 'opened', secret: false, verdict: 'old-browser', offline: false }, resumed)).toBe('photos');
  });
});

describe('photos on their way', () => {
  const outbox = (waiting: number, sent: number, refused = 0): Event => ({ type: 'outbox', waiting, sent, refused, answers: [] });

  /** The last screen says what is still being sent, and when it was; where nothing was, it says nothing. */
  test('are told after the end', () => {
    const over: Event[] = [...live, outbox(1, 0), toldLive({ phase: 'ended' })];
    expect(after(...over).state).toMatchObject({ owing: true, outbox: { waiting: 1, sent: 0 } });
    expect(after(...over, outbox(0, 1)).state).toMatchObject({ owing: true, outbox: { waiting: 0, sent: 1 } });
    expect(after(...live, outbox(0, 1), toldLive({ phase: 'ended' })).state.owing).toBe(false);
    expect(after(...live, toldLive({ phase: 'ended' }), outbox(1, 0)).state.owing).toBe(true);
    expect(after(...live, outbox(0, 0, 1), toldLive({ phase: 'ended' })).state).toMatchObject({ owing: true, outbox: { refused: 1 } });
  });
});
