/** The viewer's worker: one connection, the cameras that are shown, and the reports about them. See `viewer.ts`. */
import type { Mark, MarkId, NewMark, Ticket } from '../wire/types';
import { CameraView } from './camera-view';
import { captureNow } from './clock';
import { openLink } from './connect';
import { DrawingLine } from './drawing-line';
import { CATALOG_TRACK, PRIORITY, decodeCatalog } from './hang';
import { MARKS_TRACK, decodeMarkFrame, decodeMarkSet } from './mark-records';
import { Broadcast, Path, Time, type Connection, type Track } from './moq';
import { PRESENCE_TRACK, REPORT_TRACK, decodePresence, encodeRecord } from './records';
import { either, onAbort } from './signals';
import { readGroups, watchBroadcasts } from './subscribe';
import type { FromWorker, ToWorker, ViewerEvent, ViewStats } from './viewer-messages';

/** As much of a worker's global scope as is used here; the page's own types know no workers. */
interface Scope {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  postMessage: (message: FromWorker, transfer?: Transferable[]) => void;
  close: () => void;
}
const scope = globalThis as unknown as Scope;

const REPORT_EVERY_MS = 500;
const STATS_EVERY_MS = 250;

/** A camera that was announced, on the connection it was announced on. */
interface Announced {
  connection: Connection;
  path: string;
  gone: AbortSignal;
}

const views = new Map<string, CameraView>();
const canvases = new Map<number, { canvas: OffscreenCanvas; participant?: string }>();
const cameras = new Map<string, Announced>();
const reading = new Map<string, { announced: Announced; stop: AbortController }>();
const offsets = new Map<string, number>();
const tickets = new Map<number, { resolve: (ticket: Ticket) => void; reject: (error: Error) => void }>();
let nextTicket = 1;
let report: Track.Producer | undefined;
const drawing = new DrawingLine();
let committed: { revision: number; marks: readonly Mark[] } = { revision: -1, marks: [] };
let own: { pending: readonly NewMark[]; selected: MarkId | undefined } = { pending: [], selected: undefined };

const say = (event: ViewerEvent) => {
  scope.postMessage({ kind: 'event', event });
};

class Refused extends Error {
  constructor(readonly code: string) {
    super(code);
  }
}

const link = openLink({
  ticket: () =>
    new Promise((resolve, reject) => {
      const id = nextTicket++;
      tickets.set(id, { resolve, reject });
      scope.postMessage({ kind: 'ticket-please', id });
    }),
  onEvent: (event) => {
    if (event.kind !== 'lost') say(event);
    else {
      const { why, retry_ms, error } = event;
      say({ kind: 'lost', why, retry_ms, ...(error instanceof Refused && { code: error.code }) });
    }
  },
  onConnection: (connection, ticket, signal) => {
    publishReports(connection, ticket, signal);
    void watchBroadcasts(connection, ticket.subscribe, signal, (path, gone) => {
      const [, , participant, purpose] = path.split('/');
      if (participant === undefined || ticket.publish.includes(path)) return;
      if (participant === 'state') void followMarks(connection, path, gone);
      else if (purpose === 'camera') announce(participant, { connection, path, gone });
      else if (purpose === 'data') {
        void followPresence(connection, path, participant, gone);
        void followPositions(connection, path, participant, gone);
      }
    });
  },
});

scope.onmessage = ({ data }) => {
  switch (data.kind) {
    case 'ticket':
      tickets.get(data.id)?.resolve(data.ticket);
      tickets.delete(data.id);
      break;
    case 'no-ticket':
      tickets.get(data.id)?.reject(new Refused(data.code));
      tickets.delete(data.id);
      break;
    case 'show':
      show(data.view, data.participant, data.canvas, data.live);
      break;
    case 'hide':
      hide(data.view);
      break;
    case 'freeze':
      void freeze(data.id, data.participant);
      break;
    case 'unfreeze':
      views.get(data.participant)?.unfreeze();
      break;
    case 'own-marks':
      own = { pending: data.pending, selected: data.selected };
      for (const [participant, view] of views) layMarks(participant, view);
      break;
    case 'drawing':
      drawing.say(data.drawing);
      break;
    case 'hurry':
      link.hurry();
      break;
    case 'close':
      link.close();
      for (const view of views.values()) view.close();
      // A moment for the connection to say goodbye.
      setTimeout(() => {
        scope.close();
      }, 200);
      break;
  }
};

setInterval(() => {
  const stats: Record<string, ViewStats> = {};
  for (const [participant, view] of views) stats[participant] = view.stats();
  scope.postMessage({ kind: 'stats', stats });
}, STATS_EVERY_MS);

setInterval(() => {
  for (const [participant, view] of views) {
    view.closeInterval();
    if (!view.watched) continue;
    const { received_bps, shown, queue_delay_ms } = view.stats();
    const at_us = captureNow();
    report?.writeFrame({
      payload: encodeRecord({ v: 1, at_us, received_bps, frames_shown: shown, queue_delay_ms, participant }),
      timestamp: Time.Timestamp.fromMicros(at_us),
    });
  }
}, REPORT_EVERY_MS);

function publishReports(connection: Connection, ticket: Ticket, signal: AbortSignal): void {
  const path = ticket.publish[ticket.purposes.indexOf('data')];
  if (path === undefined) return;
  const broadcast = new Broadcast.Producer();
  const options = { timescale: Time.Timescale.MICRO, latencyMax: 1_000, priority: PRIORITY.data };
  const track = broadcast.createTrack(REPORT_TRACK, options);
  const marks = broadcast.createTrack(MARKS_TRACK, options);
  connection.publish(Path.from(path), broadcast);
  report = track;
  drawing.attach(marks);
  onAbort(signal, () => {
    broadcast.close();
    if (report === track) report = undefined;
    if (drawing.attached === marks) drawing.attach(undefined);
  });
}

function announce(participant: string, announced: Announced): void {
  cameras.set(participant, announced);
  say({ kind: 'cameras', participants: [...cameras.keys()] });
  read(participant);
  onAbort(announced.gone, () => {
    if (cameras.get(participant) !== announced) return;
    cameras.delete(participant);
    say({ kind: 'cameras', participants: [...cameras.keys()] });
  });
}

function show(number: number, participant: string, canvas: OffscreenCanvas | undefined, live: boolean): void {
  const known = canvases.get(number) ?? (canvas && { canvas });
  if (!known) return;
  hide(number);
  canvases.set(number, { canvas: known.canvas, participant });
  let view = views.get(participant);
  if (!view) {
    view = new CameraView({
      onPicture: (width, height) => {
        say({ kind: 'picture', participant, width, height });
      },
      onPainted: (painted) => {
        say({ kind: 'painted', participant, painted });
      },
    });
    view.clockOffset_us = offsets.get(participant);
    layMarks(participant, view);
    views.set(participant, view);
  }
  view.add(number, known.canvas, live);
  read(participant);
}

function hide(number: number): void {
  const known = canvases.get(number);
  const participant = known?.participant;
  if (!known || participant === undefined) return;
  canvases.set(number, { canvas: known.canvas });
  const view = views.get(participant);
  view?.remove(number);
  if (view?.watched === false) {
    reading.get(participant)?.stop.abort();
    reading.delete(participant);
  }
}

/** Subscribes to a camera that is announced and shown, once for each announcement. */
function read(participant: string): void {
  const announced = cameras.get(participant);
  const view = views.get(participant);
  const before = reading.get(participant);
  if (!announced || !view?.watched || announced.gone.aborted || before?.announced === announced) return;
  before?.stop.abort();
  const stop = new AbortController();
  reading.set(participant, { announced, stop });
  const { connection, path, gone } = announced;
  const signal = either(gone, stop.signal);
  view.restart();
  let track: string | undefined;
  let reader = new AbortController();
  void readGroups(connection, path, CATALOG_TRACK, { priority: PRIORITY.catalog }, signal, (bytes) => {
    const catalog = decodeCatalog(bytes);
    // A turned phone changes the size only: that comes with the next key frame, on the same track.
    if (!catalog || catalog.track === track) return;
    track = catalog.track;
    reader.abort();
    reader = new AbortController();
    void readGroups(
      connection,
      path,
      track,
      { priority: PRIORITY.video },
      either(signal, reader.signal),
      (frame) => {
        view.frame(frame);
      },
      {
        onGroup: () => {
          view.group();
        },
      },
    );
  });
}

async function followPresence(
  connection: Connection,
  path: string,
  participant: string,
  gone: AbortSignal,
): Promise<void> {
  let told = false;
  await readGroups(connection, path, PRESENCE_TRACK, { priority: PRIORITY.data }, gone, (bytes) => {
    const presence = decodePresence(bytes);
    if (!presence) return;
    told = true;
    const offset = presence.unix_us - presence.clock_us;
    offsets.set(participant, offset);
    const view = views.get(participant);
    if (view) view.clockOffset_us = offset;
    say({ kind: 'presence', participant, presence });
  });
  if (told) say({ kind: 'presence', participant });
}

/** Where the marks are on each frame, as the camera's device says. */
async function followPositions(connection: Connection, path: string, participant: string, gone: AbortSignal): Promise<void> {
  await readGroups(connection, path, MARKS_TRACK, { priority: PRIORITY.data }, gone, (bytes) => {
    // A member of staff says what they draw on this track: that is no frame, and not shown here.
    const frame = decodeMarkFrame(bytes);
    if (frame) views.get(participant)?.marks(frame);
  });
}

async function followMarks(connection: Connection, path: string, gone: AbortSignal): Promise<void> {
  await readGroups(connection, path, MARKS_TRACK, { priority: PRIORITY.catalog }, gone, (bytes) => {
    const set = decodeMarkSet(bytes);
    if (!set || set.revision < committed.revision) return;
    committed = set;
    for (const [participant, view] of views) layMarks(participant, view);
    say({ kind: 'marks', marks: set.marks });
  });
}

function layMarks(participant: string, view: CameraView): void {
  const here = ({ camera }: NewMark) => camera === participant;
  view.commit(committed.marks.filter(here));
  view.own(own.pending.filter(here), own.selected);
}

async function freeze(id: number, participant: string): Promise<void> {
  try {
    const frozen = await views.get(participant)?.freeze();
    if (frozen) {
      scope.postMessage({ kind: 'frozen', id, ...frozen }, [frozen.bitmap]);
      return;
    }
  } catch {
    // The picture went away while it was copied: as if there had been none.
  }
  scope.postMessage({ kind: 'not-frozen', id });
}
