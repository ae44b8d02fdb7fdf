/** One chime for one arrival. Browsers allow sound only after a touch, so the first touch makes it ready. */

let audio: AudioContext | undefined;

/** Call once, when the console starts. */
export function prepare(): void {
  const wake = () => {
    audio ??= new AudioContext();
    void audio.resume();
  };
  addEventListener('pointerdown', wake, { once: true });
  addEventListener('keydown', wake, { once: true });
}

/** Two soft tones, a fifth apart; silent where the browser has not allowed sound. */
export function play(): void {
  if (audio?.state !== 'running') return;
  const { currentTime: now, destination } = audio;
  for (const [at, hertz] of [
    [0, 659.26],
    [0.16, 987.77],
  ] as const) {
    const tone = new OscillatorNode(audio, { type: 'sine', frequency: hertz });
    const volume = new GainNode(audio, { gain: 0 });
    volume.gain.setValueAtTime(0, now + at);
    volume.gain.linearRampToValueAtTime(0.18, now + at + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.001, now + at + 0.7);
    tone.connect(volume).connect(destination);
    tone.start(now + at);
    tone.stop(now + at + 0.75);
  }
}
