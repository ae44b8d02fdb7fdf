import { expect, test } from 'vitest';
import { isPlainJpeg } from './jpeg';

const segment = (kind: number, ...body: number[]) => [0xff, kind, 0, body.length + 2, ...body];
const jpeg = (...segments: number[][]) => Uint8Array.from([0xff, 0xd8, ...segments.flat(), ...segment(0xda, 1, 2), 9, 9]);

/** A picture that says only itself stays as it is; one with EXIF, XMP, IPTC or a comment does not, wherever that stands. */
test('a plain JPEG is told from one that says more', () => {
  const jfif = segment(0xe0, 1, 2, 3);
  const profile = segment(0xe2, 4);
  const table = segment(0xdb, 5, 6);
  expect(isPlainJpeg(jpeg(jfif, profile, table, segment(0xee, 1)))).toBe(true);
  for (const kind of [0xe1, 0xed, 0xef, 0xfe]) expect(isPlainJpeg(jpeg(jfif, table, segment(kind, 1, 2)))).toBe(false);
});

/** What is no JPEG, or ends before its picture, is none. */
test('other bytes are no JPEG', () => {
  const whole = jpeg(segment(0xe0, 1, 2, 3));
  for (let length = 0; length < 10; length += 1) expect(isPlainJpeg(whole.subarray(0, length))).toBe(false);
  expect(isPlainJpeg(Uint8Array.of(0x89, 0x50, 0x4e, 0x47))).toBe(false);
  expect(isPlainJpeg(Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0, 0, 0xff, 0xda, 0, 0))).toBe(false);
});
