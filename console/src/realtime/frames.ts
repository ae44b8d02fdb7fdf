/**
 * Frames out of a camera track: `MediaStreamTrackProcessor` where the page has it (Chromium), else a hidden video and
 * `requestVideoFrameCallback`. Each frame comes stamped with the capture clock and belongs to whoever takes it.
 */
import { CameraClock, captureNow } from './clock';

interface ProcessorInit {
  track: MediaStreamTrack;
  maxBufferSize?: number;
}
type ProcessorClass = new (init: ProcessorInit) => { readable: ReadableStream<VideoFrame> };

/** Delivers frames of `track` until `signal` is aborted or the track ends. `take` must close what it gets. */
export async function readFrames(
  track: MediaStreamTrack,
  signal: AbortSignal,
  take: (frame: VideoFrame) => void,
): Promise<void> {
  const clock = new CameraClock();
  const stamped = (frame: VideoFrame) => {
    if (signal.aborted) {
      frame.close();
      return;
    }
    const timestamp = clock.capture(frame.timestamp, captureNow());
    let whole: VideoFrame | undefined;
    try {
      whole = new VideoFrame(frame, { timestamp, ...evenSides(frame) });
    } catch {
      // A frame that cannot be had is one frame; the next one comes.
    }
    frame.close();
    if (whole) take(whole);
  };
  const Processor = (globalThis as { MediaStreamTrackProcessor?: ProcessorClass }).MediaStreamTrackProcessor;
  if (Processor) await readProcessor(new Processor({ track, maxBufferSize: 2 }).readable, signal, stamped);
  else await readVideo(track, signal, stamped);
}

async function readProcessor(
  frames: ReadableStream<VideoFrame>,
  signal: AbortSignal,
  take: (frame: VideoFrame) => void,
): Promise<void> {
  const reader = frames.getReader();
  const stop = () => {
    reader.cancel().catch(() => undefined);
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      take(value);
    }
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

async function readVideo(
  track: MediaStreamTrack,
  signal: AbortSignal,
  take: (frame: VideoFrame) => void,
): Promise<void> {
  const video = document.createElement('video');
  video.muted = true;
  video.playsInline = true;
  video.srcObject = new MediaStream([track]);
  try {
    await video.play();
    await new Promise<void>((resolve) => {
      const next = () => {
        if (signal.aborted || track.readyState === 'ended') {
          resolve();
          return;
        }
        video.requestVideoFrameCallback((now, metadata) => {
          const captured = metadata.captureTime ?? now;
          try {
            take(new VideoFrame(video, { timestamp: Math.round(captured * 1000) }));
          } catch {
            // The video has no picture yet, or no longer.
          }
          next();
        });
      };
      signal.addEventListener(
        'abort',
        () => {
          resolve();
        },
        { once: true },
      );
      track.addEventListener(
        'ended',
        () => {
          resolve();
        },
        { once: true },
      );
      next();
    });
  } finally {
    video.srcObject = null;
  }
}

/**
 * H.264 with 4:2:0 has even sides; at most one row and one column are left out. The display size is said in any case: left
 * to the browser it comes out as nothing for a frame that is cropped and scaled (Chromium 156, after a turn of the phone).
 */
function evenSides(frame: VideoFrame): VideoFrameInit {
  const displayWidth = Math.max(2, frame.displayWidth & ~1);
  const displayHeight = Math.max(2, frame.displayHeight & ~1);
  const rect = frame.visibleRect;
  if (!rect || (rect.x | rect.y | rect.width | rect.height) % 2 === 0) return { displayWidth, displayHeight };
  const visibleRect = { x: rect.x & ~1, y: rect.y & ~1, width: rect.width & ~1, height: rect.height & ~1 };
  return { displayWidth, displayHeight, visibleRect };
}
