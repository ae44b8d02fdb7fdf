/** One still of the open camera, as large as the browser gives it. */
import { captureNow } from '../../realtime/clock';
import { readPicture, toJpeg, type Jpeg } from './jpeg';

/** A camera that takes no photo in this time is asked for its next frame instead, ms. */
const PATIENCE_MS = 4_000;

export interface Camera {
  track: MediaStreamTrack;
  /** The next frame of the video, stamped with the capture clock; it belongs to the caller. */
  nextFrame: () => Promise<VideoFrame | undefined>;
}

export interface Taken extends Jpeg {
  /** On the capture clock, µs. */
  capture_us: number;
}

interface PhotoTaker {
  takePhoto: () => Promise<Blob>;
}
type PhotoTakerClass = new (track: MediaStreamTrack) => PhotoTaker;

/** The camera's own photo where the browser has `ImageCapture` (larger than the video), else the next frame. */
export async function takeStill({ track, nextFrame }: Camera): Promise<Taken | undefined> {
  const Taker = (globalThis as { ImageCapture?: PhotoTakerClass }).ImageCapture;
  if (Taker) {
    const capture_us = captureNow();
    try {
      const picture = await readPicture(await inTime(new Taker(track).takePhoto()));
      if (picture) return { ...picture, capture_us };
    } catch {
      // A camera that only films.
    }
  }
  const frame = await nextFrame();
  if (!frame) return undefined;
  try {
    const picture = await toJpeg(frame, frame.displayWidth, frame.displayHeight);
    return picture && { ...picture, capture_us: frame.timestamp };
  } finally {
    frame.close();
  }
}

function inTime<T>(promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error('the camera took no photo'));
    }, PATIENCE_MS);
    promise.then(resolve, reject).finally(() => {
      clearTimeout(timer);
    });
  });
}
