/** The realtime half of a visit: loaded while the patient reads, so that the first screen does not wait for it. */
import { openLink } from '../realtime/connect';
import { followMarks, type MarksEvents } from '../realtime/marks';
import { Publisher, type Sent } from '../realtime/publisher';
import { followState } from '../realtime/state';
import type { CameraPresence, SessionState, Ticket } from '../wire/types';

export interface LiveOptions extends MarksEvents {
  ticket: () => Promise<Ticket>;
  onState: (state: SessionState) => void;
  /** Whether the state comes this way at present. */
  onFollowing: (now: boolean) => void;
}

export interface Live {
  setTrack(track: MediaStreamTrack | undefined): void;
  setPresence(presence: CameraPresence): void;
  stillNear(frame_us: number): Promise<ImageBitmap | undefined>;
  /** The next frame of the camera, whole; it belongs to the caller. Nothing when none comes. */
  nextFrame(): Promise<VideoFrame | undefined>;
  /** A camera grant is of use only with a ticket that knows it. */
  renewForCamera(): void;
  hurry(): void;
  sent(): Sent;
  close(): void;
}

export function goLive({ ticket, onState, onFollowing, onMarks, onDrawing }: LiveOptions): Live {
  const publisher = new Publisher();
  let mayPublish = false;
  const link = openLink({
    ticket,
    onEvent: (event) => {
      if (event.kind === 'lost') onFollowing(false);
    },
    onConnection: (connection, granted, signal) => {
      mayPublish = granted.purposes.includes('camera');
      publisher.attach(connection, granted, signal);
      void followState(connection, granted, signal, (state) => {
        onFollowing(true);
        onState(state);
      });
      void followMarks(connection, granted, signal, { onMarks, onDrawing });
    },
  });
  return {
    setTrack: (track) => {
      publisher.setTrack(track);
    },
    setPresence: (presence) => {
      publisher.setPresence(presence);
    },
    stillNear: (frame_us) => publisher.stillNear(frame_us),
    nextFrame: () => publisher.nextFrame(),
    renewForCamera: () => {
      if (!mayPublish) link.renew();
    },
    hurry: link.hurry,
    sent: () => publisher.sent(),
    close: () => {
      link.close();
      publisher.close();
    },
  };
}
