import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { FRAME_BYTES, decodeCatalog, decodeFrame, encodeCatalog, encodeFrame } from './hang';

const utf8 = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const rendition = { codec: 'avc1.42c01f', codedWidth: 1280, codedHeight: 720, framerate: 30 };
const withRendition = (change: object) => utf8({ video: { renditions: { video: { ...rendition, ...change } } } });

interface Golden {
  catalogs: { codec: string; width: number; height: number; framerate: number; json: unknown }[];
  /** `page` is written here, in the shortest form; `phone` is the phones'. */
  frames: { capture_us: number; unit: string; phone: string; page: string }[];
}
const file = new URL('../../../tests/vectors/protocol/hang.json', import.meta.url);
const golden = JSON.parse(readFileSync(file, 'utf8')) as Golden;
const bytes = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));

describe('the golden vectors', () => {
  /** A phone's catalog is read, and ours is the same. */
  test('of catalogs are read and written', () => {
    expect(golden.catalogs).toHaveLength(2);
    for (const { codec, width, height, framerate, json } of golden.catalogs) {
      const rendition = { codec, codedWidth: width, codedHeight: height, framerate };
      expect(decodeCatalog(utf8(json))).toEqual({ track: 'video', rendition });
      expect(JSON.parse(new TextDecoder().decode(encodeCatalog(rendition)))).toEqual(json);
    }
  });

  /** A phone's frames are read like ours, at the edges of each length of varint; ours are written byte for byte. */
  test('of frames are read and written', () => {
    expect(golden.frames).toHaveLength(10);
    for (const { capture_us, unit, phone, page } of golden.frames) {
      const payload = bytes(unit);
      for (const frame of [phone, page]) expect(decodeFrame(bytes(frame))).toEqual({ capture_us, payload });
      const written = encodeFrame(capture_us, payload.length, (into) => {
        into.set(payload);
      });
      expect(written).toEqual(bytes(page));
    }
  });
});

describe('a catalog', () => {
  /** What we publish is what we watch. */
  test('comes back as it went', () => {
    expect(decodeCatalog(encodeCatalog(rendition))).toEqual({ track: 'video', rendition });
  });

  /** The shape is that of hang: a map of renditions with a container each. */
  test('has the shape of hang', () => {
    expect(JSON.parse(new TextDecoder().decode(encodeCatalog(rendition)))).toEqual({
      video: {
        renditions: { video: { ...rendition, container: { kind: 'legacy' }, optimizeForLatency: true } },
      },
    });
  });

  /** Another publisher's catalog may have more in it; what we cannot show is passed over for what we can. */
  test('of another publisher is read', () => {
    const catalog = utf8({
      audio: { renditions: {} },
      scte35: 1,
      video: { renditions: { vp9: { ...rendition, codec: 'vp09.00.10.08' }, hd: rendition }, rotation: 0 },
    });
    expect(decodeCatalog(catalog)?.track).toBe('hd');
  });

  /** Anything else is no catalog of ours, and never an exception. */
  test.each([
    ['nothing', new Uint8Array()],
    ['no JSON', new TextEncoder().encode('{"video"')],
    ['no UTF-8', Uint8Array.of(0x22, 0xff, 0x22)],
    ['a list', utf8([])],
    ['null', utf8(null)],
    ['renditions as a list', utf8({ video: { renditions: [rendition] } })],
    ['another container', withRendition({ container: { kind: 'cmaf', init: '' } })],
    ['another broadcast', withRendition({ broadcast: './elsewhere' })],
    ['a codec with tricks', withRendition({ codec: 'avc1.42c01f"><' })],
    ['no size', withRendition({ codedWidth: 0 })],
    ['a size that cannot be', withRendition({ codedWidth: 1e9 })],
    ['more than a catalog is', withRendition({ junk: 'x'.repeat(20_000) })],
  ])('of %s is refused', (_, bytes) => {
    expect(decodeCatalog(bytes)).toBeUndefined();
  });
});

describe('a frame', () => {
  const picture = Uint8Array.of(0, 0, 0, 1, 0x65, 1, 2, 3);
  const encode = (capture_us: number) =>
    encodeFrame(capture_us, picture.length, (into) => {
      into.set(picture);
    });

  /** Every length of varint (RFC 9000, 16) comes back, at its edges too. */
  test.each([0, 63, 64, 16_383, 16_384, 2 ** 30 - 1, 2 ** 30, 1_763_868_000_000_000, Number.MAX_SAFE_INTEGER])(
    'captured at %d µs comes back as it went',
    (capture_us) => {
      expect(decodeFrame(encode(capture_us))).toEqual({ capture_us, payload: picture });
    },
  );

  /** The examples of RFC 9000, Appendix A.1. */
  test('is timed as RFC 9000 says', () => {
    expect([...encode(15_293).subarray(0, 2)]).toEqual([0x7b, 0xbd]);
    expect([...encode(494_878_333).subarray(0, 4)]).toEqual([0x9d, 0x7f, 0x3e, 0x7d]);
    const eight = Uint8Array.from([0x02, 0, 0, 0, 0, 0, 0, 1].map((byte, i) => (i === 0 ? byte & 0x1f | 0xc0 : byte)));
    expect(decodeFrame(Uint8Array.of(...eight, 9))).toBeUndefined();
  });

  /** A marker without a picture, a cut varint, or more than any picture: nothing. */
  test('that is none is refused', () => {
    expect(decodeFrame(new Uint8Array())).toBeUndefined();
    expect(decodeFrame(Uint8Array.of(0x05))).toBeUndefined();
    expect(decodeFrame(Uint8Array.of(0xc0, 1, 2))).toBeUndefined();
    expect(decodeFrame(new Uint8Array(FRAME_BYTES + 1))).toBeUndefined();
  });
});
