/**
 * What a patient's page publishes: the camera (hang) and, beside it, its presence. The camera comes and goes, connections
 * come and go; each new connection gets fresh broadcasts of what its ticket allows and begins with a key frame.
 *
 * On the main thread, on purpose: coding happens in the browser's own threads, what is left is thirty callbacks a second.
 */
import type { CameraPresence, Ticket } from '../wire/types';
import { captureNow, unixNow } from './clock';
import { CameraEncoder, type Coded, type SendDrop } from './encoder';
import { readFrames } from './frames';
import { CATALOG_TRACK, PRIORITY, VIDEO_TRACK, encodeCatalog, encodeFrame, type Rendition } from './hang';
import { Broadcast, Path, Time, type Connection, type Group, type Track } from './moq';
import { Rate } from './rate';
import { PRESENCE_TRACK, REPORT_TRACK, decodeReport, encodeRecord } from './records';
import { onAbort } from './signals';
import { Still } from './still';
import { watchBroadcasts, readGroups } from './subscribe';

/** Presence is repeated so often, ms: whoever comes late hears it, and silence means something. */
const PRESENCE_EVERY_MS = 2_000;
/** Groups that are over are kept for late subscribers for so long, ms. */
const KEEP_MS = 1_000;
/** Whoever waits for a frame is told so late that none comes, ms. */
const NEXT_FRAME_MS = 3_000;
/** A camera says 30 a second; more is not asked for. */
const FRAMERATE = 30;

export interface Sent {
  sent: number;
  dropped: Record<SendDrop, number>;
  target_bps: number;
}

export class Publisher {
  private readonly encoder: CameraEncoder;
  private readonly rate = new Rate();
  private readonly counters: Sent;
  private readonly stills = new Still();
  /** Who waits for the next frame. */
  private readonly takers = new Set<(frame?: VideoFrame) => void>();
  private readonly presenceTimer: ReturnType<typeof setInterval>;
  private lines: Lines | undefined;
  private track: MediaStreamTrack | undefined;
  private camera: AbortController | undefined;
  private presence: CameraPresence = 'off';
  private lastSent_us = -Infinity;

  constructor() {
    const dropped: Sent['dropped'] = { busy: 0, rate: 0, unwatched: 0, paused: 0, fault: 0 };
    this.counters = { sent: 0, dropped, target_bps: this.rate.target_bps };
    this.encoder = new CameraEncoder({
      onCoded: (coded) => {
        this.send(coded);
      },
      onDrop: (reason) => {
        dropped[reason] += 1;
      },
    });
    this.presenceTimer = setInterval(() => {
      this.tellPresence();
    }, PRESENCE_EVERY_MS);
  }

  /** Publishes on `connection` what `ticket` allows, until `signal` is aborted. */
  attach(connection: Connection, ticket: Ticket, signal: AbortSignal): void {
    const lines = new Lines(connection, ticket);
    this.lines = lines;
    this.encoder.wantKey();
    this.tellPresence();
    onAbort(signal, () => {
      lines.close();
      if (this.lines === lines) this.lines = undefined;
    });
    void this.listen(connection, ticket, signal);
  }

  /** Takes frames from `track` from now on; `undefined` takes none. */
  setTrack(track: MediaStreamTrack | undefined): void {
    if (track === this.track) return;
    this.track = track;
    this.camera?.abort();
    this.stills.clear();
    if (!track) return;
    const camera = new AbortController();
    this.camera = camera;
    this.encoder.wantKey();
    readFrames(track, camera.signal, (frame) => {
      this.take(frame);
    }).catch(() => {
      // A camera that cannot be read any more; the track's `ended` event tells the page.
    });
  }

  /** What everybody is told about the camera. Only `on` sends pictures. */
  setPresence(camera: CameraPresence): void {
    if (camera === this.presence) return;
    if (camera === 'on') this.encoder.wantKey();
    this.presence = camera;
    this.tellPresence();
  }

  /** The kept picture nearest to `frame_us`, if one is near enough. It belongs to the caller. */
  stillNear(frame_us: number): Promise<ImageBitmap | undefined> {
    return this.stills.near(frame_us);
  }

  /** The next frame while the camera is on, whole; it belongs to the caller. Nothing when none comes in time. */
  nextFrame(): Promise<VideoFrame | undefined> {
    return new Promise((resolve) => {
      const give = (frame?: VideoFrame) => {
        clearTimeout(timer);
        this.takers.delete(give);
        resolve(frame);
      };
      const timer = setTimeout(give, NEXT_FRAME_MS);
      this.takers.add(give);
    });
  }

  sent(): Sent {
    return { ...this.counters, dropped: { ...this.counters.dropped }, target_bps: this.rate.target_bps };
  }

  close(): void {
    clearInterval(this.presenceTimer);
    this.camera?.abort();
    this.encoder.close();
    this.stills.clear();
    this.lines?.close();
    this.lines = undefined;
  }

  private take(frame: VideoFrame): void {
    const drop = (reason: SendDrop) => {
      this.counters.dropped[reason] += 1;
      frame.close();
    };
    if (this.presence !== 'on') {
      drop('paused');
      return;
    }
    this.stills.keep(frame);
    for (const give of this.takers) give(frame.clone());
    if (!this.lines?.watched()) {
      drop('unwatched');
      return;
    }
    if (this.lines.newlyWatched()) this.encoder.wantKey();
    const framerate = this.rate.framerate(FRAMERATE);
    // Half a frame of tolerance: a camera's frames never come exactly on time.
    if (framerate < FRAMERATE && frame.timestamp - this.lastSent_us < 1_000_000 / framerate - 500_000 / FRAMERATE) {
      drop('rate');
      return;
    }
    this.lastSent_us = frame.timestamp;
    this.encoder.encode(frame, this.rate.target_bps, framerate);
  }

  private send(coded: Coded): void {
    if (this.presence !== 'on') this.counters.dropped.paused += 1;
    else if (this.lines?.send(coded, this.rate)) this.counters.sent += 1;
    else this.counters.dropped.unwatched += 1;
  }

  private tellPresence(): void {
    this.lines?.tell(this.presence);
  }

  /** Follows the reports of everybody else in the session. */
  private async listen(connection: Connection, ticket: Ticket, signal: AbortSignal): Promise<void> {
    const own = ticket.publish[ticket.purposes.indexOf('camera')]?.split('/')[2];
    await watchBroadcasts(connection, ticket.subscribe, signal, (path, gone) => {
      if (!path.endsWith('/data') || ticket.publish.includes(path)) return;
      void readGroups(connection, path, REPORT_TRACK, { priority: PRIORITY.data }, gone, (bytes) => {
        const report = decodeReport(bytes);
        if (report && report.participant === own) this.rate.report(path, report, performance.now());
      });
    });
  }
}

/** The broadcasts of one connection. */
class Lines {
  private readonly broadcasts: Broadcast.Producer[] = [];
  private readonly catalog: Track.Producer | undefined;
  private readonly video: Track.Producer | undefined;
  private readonly presence: Track.Producer | undefined;
  private group: Group.Producer | undefined;
  private wasWatched = false;

  constructor(connection: Connection, ticket: Ticket) {
    const micro = { timescale: Time.Timescale.MICRO, latencyMax: KEEP_MS };
    for (const [index, path] of ticket.publish.entries()) {
      const purpose = ticket.purposes[index];
      if (purpose !== 'camera' && purpose !== 'data') continue;
      const broadcast = new Broadcast.Producer();
      if (purpose === 'camera') {
        this.catalog = broadcast.createTrack(CATALOG_TRACK, { ...micro, priority: PRIORITY.catalog });
        this.video = broadcast.createTrack(VIDEO_TRACK, { ...micro, priority: PRIORITY.video });
      } else {
        this.presence = broadcast.createTrack(PRESENCE_TRACK, { ...micro, priority: PRIORITY.data });
      }
      this.broadcasts.push(broadcast);
      connection.publish(Path.from(path), broadcast);
    }
  }

  /** Whether anybody takes the picture. */
  watched(): boolean {
    const watched = (this.video?.used.peek() ?? false) || (this.catalog?.used.peek() ?? false);
    this.wasWatched &&= watched;
    return watched;
  }

  /** True once each time that somebody begins to take the picture. */
  newlyWatched(): boolean {
    const newly = !this.wasWatched;
    this.wasWatched = true;
    return newly;
  }

  /** Sends a coded picture; false when there is nowhere to, or no key frame to build on yet. */
  send(coded: Coded, rate: Rate): boolean {
    if (!this.video || !this.catalog) return false;
    if (coded.sequence) {
      this.describe({
        codec: coded.sequence.codec,
        codedWidth: coded.sequence.width,
        codedHeight: coded.sequence.height,
        framerate: rate.framerate(FRAMERATE),
      });
    }
    if (coded.key) {
      this.group?.close();
      this.group = this.video.appendGroup();
    }
    if (!this.group) return false;
    const payload = encodeFrame(coded.capture_us, coded.bytes.length, (into) => {
      into.set(coded.bytes);
    });
    this.group.writeFrame({ payload, timestamp: Time.Timestamp.fromMicros(coded.capture_us) });
    return true;
  }

  tell(camera: CameraPresence): void {
    const clock_us = captureNow();
    this.presence?.writeFrame({
      payload: encodeRecord({ v: 1, camera, clock_us, unix_us: unixNow() }),
      timestamp: Time.Timestamp.fromMicros(clock_us),
    });
  }

  close(): void {
    for (const broadcast of this.broadcasts) broadcast.close();
  }

  /**
   * The catalog before the first frame that needs it, and again with each group: it is small, and whoever comes late has it
   * soon, whatever a cache on the way forgot.
   */
  private describe(rendition: Rendition): void {
    const timestamp = Time.Timestamp.fromMicros(captureNow());
    this.catalog?.writeFrame({ payload: encodeCatalog(rendition), timestamp });
  }
}
