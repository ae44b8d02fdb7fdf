/**
 * The phone's camera: opened once a tap and never unasked (on an iPhone a second request ends the first stream; on Android
 * three dismissals block it for a week).
 */
import { insideApp } from './browser';
import type { Trouble } from './machine';

export type Facing = 'environment' | 'user';

export class CameraRefused extends Error {
  constructor(readonly trouble: Trouble) {
    super(trouble);
  }
}

/** A refusal faster than this came from no person, ms. */
const REFLEX_MS = 400;

/** Asks for the camera. Rejects with [`CameraRefused`]. */
export async function openCamera(facing: Facing): Promise<MediaStream> {
  const asked = performance.now();
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: {
        facingMode: { ideal: facing },
        width: { ideal: 1280 },
        height: { ideal: 720 },
        frameRate: { ideal: 30, max: 30 },
      },
    });
  } catch (error) {
    throw new CameraRefused(
      troubleOf(error instanceof DOMException ? error.name : '', performance.now() - asked, navigator.userAgent),
    );
  }
}

/** What a refusal means: by its name, how fast it came, and where the page is open. */
export function troubleOf(name: string, after_ms: number, agent: string): Trouble {
  switch (name) {
    case 'NotReadableError':
    case 'AbortError':
      return 'in-use';
    case 'NotFoundError':
    case 'OverconstrainedError':
      return 'old-browser';
    case 'NotAllowedError':
    case 'SecurityError':
      if (after_ms >= REFLEX_MS) return 'denied';
      // Nobody was asked: an app that forbids cameras, or a switch that was set long ago.
      return insideApp(agent) ? 'in-app' : 'blocked';
    default:
      return insideApp(agent) ? 'in-app' : 'failed';
  }
}

export function closeCamera(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}

/** Other video inputs than the one `stream` uses. Labels are there once a camera was granted. */
export async function otherCameras(stream: MediaStream): Promise<boolean> {
  try {
    const devices = await navigator.mediaDevices.enumerateDevices();
    const own = stream.getVideoTracks()[0]?.getSettings().deviceId;
    return devices.some(({ kind, deviceId }) => kind === 'videoinput' && deviceId !== own);
  } catch {
    return false;
  }
}

/** The other camera of the same phone. The one before is closed first: a phone opens one at a time. */
export async function swapCamera(stream: MediaStream, facing: Facing): Promise<MediaStream> {
  closeCamera(stream);
  return openCamera(facing);
}

export function hasLight(track: MediaStreamTrack | undefined): boolean {
  if (!track || !('getCapabilities' in track)) return false;
  return (track.getCapabilities() as MediaTrackCapabilities & { torch?: boolean }).torch === true;
}

/** Whether the light is as wished now. */
export async function setLight(track: MediaStreamTrack, on: boolean): Promise<boolean> {
  try {
    await track.applyConstraints({ advanced: [{ torch: on } as MediaTrackConstraintSet] });
    return true;
  } catch {
    return false;
  }
}
