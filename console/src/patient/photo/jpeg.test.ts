import { expect, test } from 'vitest';
import { isPlainJpeg } from './jpeg';

const segment = (kind: number, ...body: number[]) => [0xff, kind, 0, body.length + 2, ...body];
const scan = [...segment(0xda, 1, 2), 9, 0xff, 0, 9, 0xff, 0xd3, 9];
const end = [0xff, 0xd9];
const jpeg = (...segments: number[][]) => Uint8Array.from([0xff, 0xd8, ...segments.flat(), ...scan, ...end]);
const text = (words: string) => [...words].map((letter) => letter.charCodeAt(0));

/** A picture that says only itself stays as it is; one with EXIF, XMP, IPTC or a comment does not, wherever that stands. */
test('a plain JPEG is told from one that says more', () => {
  const jfif = segment(0xe0, 1, 2, 3);
  const profile = segment(0xe2, ...text('ICC_PROFILE\0'), 1, 1);
  const table = segment(0xdb, 5, 6);
  expect(isPlainJpeg(jpeg(jfif, profile, table, segment(0xee, 1)))).toBe(true);
  for (const kind of [0xe1, 0xed, 0xef, 0xfe]) expect(isPlainJpeg(jpeg(jfif, table, segment(kind, 1, 2)))).toBe(false);
});

/** What says more may stand behind the picture too: a second one in an APP2, a comment between two scans, bytes at the end. */
test('a JPEG says nothing after its picture either', () => {
  const more = (...tail: number[][]) => Uint8Array.from([0xff, 0xd8, ...scan, ...tail.flat()]);
  expect(isPlainJpeg(more(segment(0xc4, 1), scan, end))).toBe(true);
  expect(isPlainJpeg(more(segment(0xfe, 1), scan, end))).toBe(false);
  expect(isPlainJpeg(more(segment(0xe1, 1), scan, end))).toBe(false);
  expect(isPlainJpeg(more(end, [1]))).toBe(false);
  expect(isPlainJpeg(more())).toBe(false);
  expect(isPlainJpeg(jpeg(segment(0xe2, ...text('MPF\0'), 1)))).toBe(false);
});

/** What is no JPEG, or ends before its picture, is none. */
test('other bytes are no JPEG', () => {
  const whole = jpeg(segment(0xe0, 1, 2, 3));
  for (let length = 0; length < 10; length += 1) expect(isPlainJpeg(whole.subarray(0, length))).toBe(false);
  expect(isPlainJpeg(Uint8Array.of(0x89, 0x50, 0x4e, 0x47))).toBe(false);
  expect(isPlainJpeg(Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0, 0, 0xff, 0xda, 0, 0))).toBe(false);
});
