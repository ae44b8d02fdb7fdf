import { afterEach, expect, test, vi } from 'vitest';
import type { GuestView } from '../wire/types';
import { peek, view } from './machine.scenes';
import type { PhotoDeskOptions } from './photo-desk';
import { Visit } from './visit';

const world = vi.hoisted(() => ({
  desk: undefined as PhotoDeskOptions | undefined,
  /** Answers what the page asked when it was opened. */
  answer: (_view: GuestView): void => undefined,
  resumed: (): void => undefined,
}));
const placeOf = (participant: string): GuestView => ({ ...view, participant });

vi.mock('../wire/guest', () => ({
  peek: () => Promise.resolve(peek),
  view: () =>
    new Promise<GuestView>((found) => {
      world.answer = found;
    }),
  redeem: () => Promise.resolve(placeOf('par_new')),
  consent: () => Promise.resolve(),
  leave: () => Promise.resolve(),
  EVENTS_PATH: '',
}));
vi.mock('../wire/stream', () => ({ backoffMs: () => 0, openStream: () => ({ close: () => undefined }) }));
vi.mock('./lens', () => ({
  Lens: class {
    state = {};
    constructor(private readonly events: { onOpened: () => void }) {}
    open = () => {
      this.events.onOpened();
      return Promise.resolve();
    };
    close = () => undefined;
  },
}));
vi.mock('./photo-desk', () => ({
  PhotoDesk: class {
    constructor(options: PhotoDeskOptions) {
      world.desk = options;
    }
    resume = () => {
      world.resumed();
      return Promise.resolve();
    };
  },
}));
vi.mock('./awake', () => ({ Awake: class { want = () => undefined; } }));
vi.mock('./measure', () => ({ measure: () => undefined }));
vi.mock('./live', () => ({}));
vi.mock('./photo/flag', () => ({ flagged: () => true }));
vi.mock('./device-key', () => ({ keyFor: () => Promise.resolve({}), heldKey: () => Promise.resolve(undefined), forgetKey: () => undefined }));
vi.mock('./statements', () => ({ redemption: () => ({}), statement: () => ({}), secretBytes: () => true }));

afterEach(() => {
  vi.unstubAllGlobals();
});

/** Somebody joins while the page still asks where it was before: photos go to the place it has now. */
test('an answer about the place before does not replace the new one', async () => {
  vi.stubGlobal('location', { hash: '#secret', pathname: '/j' });
  vi.stubGlobal('document', { addEventListener: () => undefined });
  vi.stubGlobal('addEventListener', () => undefined);
  vi.stubGlobal('navigator', { userAgent: 'Chrome', onLine: true });
  vi.stubGlobal('history', { replaceState: () => undefined });
  vi.stubGlobal('sessionStorage', { removeItem: () => undefined });
  const page = new Visit(() => undefined);
  const resumed = new Promise<void>((done) => {
    world.resumed = done;
  });
  page.open();
  await vi.waitFor(() => {
    page.tell({ type: 'start' });
    expect(world.desk?.view()?.participant).toBe('par_new');
  });
  world.answer(placeOf('par_old'));
  await resumed;
  expect(world.desk?.view()?.participant).toBe('par_new');
  page.tell({ type: 'leave' });
});
