/** The open camera and what can be done with it: swap, light, and noticing that the phone took it away. */
import {
  CameraRefused,
  closeCamera,
  hasLight,
  openCamera,
  otherCameras,
  setLight,
  swapCamera,
  type Facing,
} from './camera';
import type { Trouble } from './machine';

export interface LensState {
  stream?: MediaStream;
  facing: Facing;
  light: 'none' | 'off' | 'on';
  canSwap: boolean;
  /** A swap is under way. */
  swapping: boolean;
}

export interface LensEvents {
  /** `state` or `track` is another one now. */
  onChange: () => void;
  onOpened: () => void;
  onRefused: (trouble: Trouble) => void;
  /** A call, another app, a locked screen. */
  onEnded: () => void;
  /** Some phones give it back by themselves. */
  onBack: () => void;
}

/** A track that is mute for so long is not only adjusting, ms. */
const MUTE_MS = 1_000;

export class Lens {
  state: LensState = { facing: 'environment', light: 'none', canSwap: false, swapping: false };
  private closed = 0;

  constructor(private readonly events: LensEvents) {}

  get track(): MediaStreamTrack | undefined {
    const track = this.state.stream?.getVideoTracks()[0];
    return track?.readyState === 'live' ? track : undefined;
  }

  /** Asks for the camera, once. */
  async open(): Promise<void> {
    if (this.state.stream) closeCamera(this.state.stream);
    await this.request(() => openCamera(this.state.facing), this.events.onOpened);
  }

  async swap(): Promise<void> {
    const { stream, facing, swapping } = this.state;
    if (!stream || swapping) return;
    const other: Facing = facing === 'environment' ? 'user' : 'environment';
    this.change({ swapping: true, light: 'none' });
    await this.request(
      () => swapCamera(stream, other),
      () => {
        this.change({ facing: other });
      },
    );
    this.change({ swapping: false });
  }

  async toggleLight(): Promise<void> {
    const { track } = this;
    const { light } = this.state;
    if (!track || light === 'none') return;
    const on = light === 'off';
    if (await setLight(track, on)) this.change({ light: on ? 'on' : 'off' });
  }

  close(): void {
    this.closed += 1;
    const { stream } = this.state;
    if (!stream) return;
    closeCamera(stream);
    this.forget();
  }

  private async request(open: () => Promise<MediaStream>, then: () => void): Promise<void> {
    const { closed } = this;
    try {
      const stream = await open();
      if (closed !== this.closed) {
        // Nobody wants it any more.
        closeCamera(stream);
        return;
      }
      const track = stream.getVideoTracks()[0];
      if (track) this.watch(stream, track);
      this.change({ stream, light: hasLight(track) ? 'off' : 'none' });
      then();
      const canSwap = await otherCameras(stream);
      if (this.state.stream === stream) this.change({ canSwap });
    } catch (error) {
      if (closed !== this.closed) return;
      this.forget();
      if (this.state.swapping) this.events.onEnded();
      else this.events.onRefused(error instanceof CameraRefused ? error.trouble : 'failed');
    }
  }

  private watch(stream: MediaStream, track: MediaStreamTrack): void {
    const current = () => this.state.stream === stream;
    const lost = () => {
      if (current()) this.events.onEnded();
    };
    track.addEventListener('ended', lost);
    track.addEventListener('mute', () => {
      setTimeout(() => {
        if (track.muted && document.visibilityState === 'visible') lost();
      }, MUTE_MS);
    });
    track.addEventListener('unmute', () => {
      if (current() && track.readyState === 'live') this.events.onBack();
    });
  }

  private forget(): void {
    const next = { ...this.state, light: 'none', canSwap: false } satisfies LensState;
    delete next.stream;
    this.state = next;
    this.events.onChange();
  }

  private change(change: Partial<LensState>): void {
    this.state = { ...this.state, ...change };
    this.events.onChange();
  }
}
