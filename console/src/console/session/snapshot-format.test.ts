import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { concat, u32, utf8 } from '../../seal/encoding';
import { encodeSnapshot } from '../../seal/snapshot';
import type { SnapshotAbout } from '../../wire/types';
import { decodeSnapshot } from './snapshot-format';

interface Vector {
  about: SnapshotAbout;
  jpeg: string;
  plaintext: string;
}
const file = new URL('../../../../tests/vectors/seal/snapshot.json', import.meta.url);
const { vectors } = JSON.parse(readFileSync(file, 'utf8')) as { vectors: Vector[] };
const bytes = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));

describe('a snapshot', () => {
  /** Rust and Python read and write the same bytes; with marks and without. */
  test('of the golden vectors is read here too', () => {
    expect(vectors.length).toBeGreaterThanOrEqual(2);
    expect(vectors.some(({ about }) => (about.marks ?? []).length > 0)).toBe(true);
    for (const { about, jpeg, plaintext } of vectors) {
      expect(decodeSnapshot(bytes(plaintext))).toEqual({ about, jpeg: bytes(jpeg) });
    }
  });

  /** The page writes the golden bytes; only `1.0` of Rust and Python is `1` there. */
  test('is written here in the same bytes', () => {
    let same = 0;
    for (const { about, jpeg, plaintext } of vectors) {
      const whole = bytes(plaintext);
      const said = whole.slice(8, 8 + new DataView(whole.buffer).getUint32(4));
      const plain = utf8(new TextDecoder().decode(said).replace(/(\d)\.0(?=[,\]}])/g, '$1'));
      same += plain.length === said.length ? 1 : 0;
      expect(encodeSnapshot(about, bytes(jpeg))).toEqual(concat([utf8('HLS1'), u32(plain.length), plain, bytes(jpeg)]));
    }
    expect(same).toBe(1);
  });

  /** What a patient's page writes is read by the console, and the picture is not touched. */
  test('comes back', () => {
    for (const { about, jpeg } of vectors) {
      expect(decodeSnapshot(encodeSnapshot(about, bytes(jpeg)))).toEqual({ about, jpeg: bytes(jpeg) });
    }
  });

  /** Cut, of another version, too long, or with a value that cannot be: it is none. The control is the one before. */
  test('is bounded before it is believed', () => {
    const [vector] = vectors.filter(({ about }) => about.marks);
    const placed = vector?.about.marks?.[0];
    if (!vector || !placed) throw new Error('no vector');
    const whole = bytes(vector.plaintext);
    const said = new DataView(whole.buffer).getUint32(4);
    for (const length of [0, 7, 8, 7 + said]) expect(decodeSnapshot(whole.slice(0, length))).toBeUndefined();
    expect(decodeSnapshot(concat([utf8('HLS2'), whole.slice(4)]))).toBeUndefined();
    expect(decodeSnapshot(concat([utf8('HLS1'), u32(0xffff_ffff), whole.slice(8)]))).toBeUndefined();
    const with_ = (change: object) => decodeSnapshot(encodeSnapshot({ ...vector.about, ...change }, bytes(vector.jpeg)));
    expect(with_({})).toBeDefined();
    const changes: object[] = [
      { v: 2 },
      { width: 0 },
      { height: 1e9 },
      { taken_us: -1 },
      { capture_us: 0.5 },
      { marks: {} },
      { marks: Array.from({ length: 65 }, () => placed) },
    ];
    for (const change of changes) expect(with_(change), JSON.stringify(change)).toBeUndefined();
  });

  /** A mark of a newer page, or a broken one, does not take the picture away: it and the other marks are seen. */
  test('leaves out the marks that are not understood', () => {
    const [vector] = vectors.filter(({ about }) => about.marks);
    const placed = vector?.about.marks?.[0];
    if (!vector || !placed) throw new Error('no vector');
    const mark = (change: object) => ({ ...placed, mark: { ...placed.mark, ...change } });
    const position = (change: object) => ({ ...placed, position: { ...placed.position, ...change } });
    const broken: object[] = [
      placed.mark,
      mark({ v: 2 }),
      mark({ id: 'mrk_1' }),
      mark({ geometry: { kind: 'star' } }),
      mark({ geometry: { kind: 'point', at: { x: 2, y: 0 } } }),
      mark({ geometry: { kind: 'freehand', points: [{ x: 0, y: 0 }] } }),
      mark({ style: { colour: 'red', width: 0.01 } }),
      mark({ style: { colour: 'pink', width: 1 } }),
      position({ map: [1] }),
      position({ map: Array.from({ length: 9 }, () => null) }),
      position({ state: 'gone' }),
    ];
    const marks = [placed, ...broken, placed] as SnapshotAbout['marks'];
    const content = decodeSnapshot(encodeSnapshot({ ...vector.about, ...(marks && { marks }) }, bytes(vector.jpeg)));
    expect(content?.about.marks).toEqual([placed, placed]);
    expect(content?.jpeg).toEqual(bytes(vector.jpeg));
  });
});
