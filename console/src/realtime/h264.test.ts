import { describe, expect, test } from 'vitest';
import { levelFor, parameterSets, parseSequence, sequenceOf, units, unitType } from './h264';

const bytes = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));

/** Parameter sets as encoders write them. */
const REAL = [
  // Chromium 156's software encoder. Configured as 42e01f it says another profile, and at 480 lines another level.
  ['6742c01f8c8d402802dd37010d0107844235', 'avc1.42c01f', 1280, 720],
  ['6742c01e8c8d40501ed37010d01078442350', 'avc1.42c01e', 640, 480],
  // The same, upright and cropped: 642 lines in 41 rows of macroblocks.
  ['6742c01e8c8d40b829f2444dc0434041e1108d40', 'avc1.42c01e', 362, 642],
  ['674d4c1f8c8d402802dd37010d0107844235', 'avc1.4d4c1f', 1280, 720],
  ['67640c28ac191a80780227e59b80868083c2211a80', 'avc1.640c28', 1920, 1080],
  // x264, High, with a VUI and emulation prevention in it.
  ['6764001facd9405005bb0110000003001000000303c0f1831960', 'avc1.64001f', 1280, 720],
] as const;

describe('a sequence parameter set', () => {
  /** The codec string and the size come from the stream itself. */
  test.each(REAL)('of a real encoder is understood: %s', (hex, codec, width, height) => {
    expect(parseSequence(bytes(hex))).toEqual({ codec, width, height });
  });

  /** Cut anywhere, or with any byte changed, it is refused or another size, and never an exception. */
  test('is never more than refused when it is broken', () => {
    for (const [hex] of REAL) {
      const whole = bytes(hex);
      for (let cut = 0; cut < whole.length; cut += 1) {
        const sequence = parseSequence(whole.subarray(0, cut));
        if (sequence) expect(sequence.width).toBeLessThanOrEqual(16_384);
        for (const value of [0, 0x55, 0xff]) {
          const changed = Uint8Array.from(whole);
          changed[cut] = value;
          const other = parseSequence(changed);
          if (other) expect(other.height).toBeGreaterThan(0);
        }
      }
    }
  });

  /** What is no parameter set, or far too long for one, is none. */
  test('is not found where there is none', () => {
    expect(parseSequence(new Uint8Array())).toBeUndefined();
    expect(parseSequence(bytes('6842001f8c'))).toBeUndefined();
    expect(parseSequence(new Uint8Array(4096).fill(0x67))).toBeUndefined();
    expect(sequenceOf(bytes('0000000165888084'))).toBeUndefined();
  });
});

describe('an Annex-B stream', () => {
  const sps = REAL[5][0];
  const stream = bytes(`00000001${sps}00000168ebe3cb22c000000001658880`);

  /** Start codes of three and of four bytes part units; neither belongs to one. */
  test('is parted into its units', () => {
    expect([...units(stream)].map(unitType)).toEqual([7, 8, 5]);
    expect(sequenceOf(stream)).toEqual({ codec: 'avc1.64001f', width: 1280, height: 720 });
  });

  /** Bytes without a start code are no stream. */
  test('of garbage has no units', () => {
    expect([...units(new Uint8Array(1000).fill(7))]).toEqual([]);
    expect([...units(new Uint8Array(1000))]).toEqual([]);
  });
});

describe('the parameter sets of an avcC record', () => {
  /** An encoder that gives them only there is made whole. */
  test('become Annex-B', () => {
    const sps = bytes(REAL[5][0]);
    const record = Uint8Array.from([1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, sps.length, ...sps, 1, 0, 4, 0x68, 0xeb, 0xe3, 0xcb]);
    const annexB = parameterSets(record);
    expect([...units(annexB)].map(unitType)).toEqual([7, 8]);
    expect(sequenceOf(annexB)?.width).toBe(1280);
  });

  /** A record that promises more than it has gives nothing. */
  test('of a broken record are none', () => {
    expect(parameterSets(bytes('0164001fffe1ffff67'))).toEqual(new Uint8Array());
    expect(parameterSets(new Uint8Array())).toEqual(new Uint8Array());
  });
});

/** 720p and all that is smaller is level 3.1 (H.264, Table A-1); the next sizes are one level up each. */
test('the level holds the picture', () => {
  expect(levelFor(640, 360)).toBe(31);
  expect(levelFor(1280, 720)).toBe(31);
  expect(levelFor(1280, 1024)).toBe(32);
  expect(levelFor(1920, 1080)).toBe(40);
  expect(levelFor(3840, 2160)).toBe(51);
});
