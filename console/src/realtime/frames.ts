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
    const even = new VideoFrame(frame, { timestamp, visibleRect: evenRect(frame) });
    frame.close();
    take(even);
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

/** H.264 with 4:2:0 has even sides; at most one row and one column are left out. */
function evenRect(frame: VideoFrame): DOMRectInit {
  const { x, y, width, height } = frame.visibleRect ?? { x: 0, y: 0, width: frame.codedWidth, height: frame.codedHeight };
  return { x: x & ~1, y: y & ~1, width: Math.max(2, width & ~1), height: Math.max(2, height & ~1) };
}
