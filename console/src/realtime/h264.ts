/**
 * As much of H.264 as a page needs: which profile and size a picture has (ITU-T H.264, 7.3.2.1.1), and where the units of
 * an Annex-B stream begin. Everything comes from outside: nothing here throws, and nothing is read beyond its end.
 */

export interface Sequence {
  /** `avc1.PPCCLL` from the sequence parameter set itself: an encoder's own word for it is often another one. */
  codec: string;
  /** Of the visible picture, pixels. */
  width: number;
  height: number;
}

/** Types of NAL unit (Table 7-1). */
export const SEQUENCE_PARAMETERS = 7;
export const PICTURE_PARAMETERS = 8;
export const KEY_PICTURE = 5;

/** No device makes larger pictures than this, pixels a side (level 6.2 allows 16 888 wide). */
const SIDE_LIMIT = 16_384;
/** A sequence parameter set is tens of bytes; more is not looked at. */
const SEQUENCE_BYTES = 1024;

/** The NAL units of an Annex-B stream, each without its start code, at most `limit`. */
export function* units(stream: Uint8Array, limit = 64): Generator<Uint8Array> {
  let begin = startCode(stream, 0);
  for (let count = 0; begin !== undefined && count < limit; count += 1) {
    const next = startCode(stream, begin);
    let end = next === undefined ? stream.length : next - 3;
    // A four-byte start code, or trailing zero bytes, belong to no unit.
    while (end > begin && stream[end - 1] === 0) end -= 1;
    if (end > begin) yield stream.subarray(begin, end);
    begin = next;
  }
}

/** The type of a NAL unit, -1 for an empty one. */
export function unitType(unit: Uint8Array): number {
  return unit[0] === undefined ? -1 : unit[0] & 0x1f;
}

/** The first sequence parameter set in an Annex-B stream, understood; `undefined` when there is none or it is broken. */
export function sequenceOf(stream: Uint8Array): Sequence | undefined {
  for (const unit of units(stream, 16)) {
    if (unitType(unit) === SEQUENCE_PARAMETERS) return parseSequence(unit);
  }
  return undefined;
}

/** Understands one sequence parameter set (with its one-byte NAL header). */
export function parseSequence(unit: Uint8Array): Sequence | undefined {
  if (unit.length < 5 || unit.length > SEQUENCE_BYTES || unitType(unit) !== SEQUENCE_PARAMETERS) return undefined;
  const bits = new Bits(unescape(unit.subarray(1)));
  const profile = bits.take(8);
  const constraints = bits.take(8);
  const level = bits.take(8);
  bits.golomb(); // seq_parameter_set_id
  let chroma = 1;
  if ([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135].includes(profile)) {
    chroma = bits.golomb();
    if (chroma === 3) bits.take(1); // separate_colour_plane_flag
    bits.golomb(); // bit_depth_luma_minus8
    bits.golomb(); // bit_depth_chroma_minus8
    bits.take(1); // qpprime_y_zero_transform_bypass_flag
    if (bits.take(1)) {
      for (let list = 0; list < (chroma === 3 ? 12 : 8); list += 1) if (bits.take(1)) scalingList(bits, list < 6 ? 16 : 64);
    }
  }
  bits.golomb(); // log2_max_frame_num_minus4
  const order = bits.golomb();
  if (order === 0) bits.golomb();
  else if (order === 1) {
    bits.take(1);
    bits.golomb();
    bits.golomb();
    const cycle = bits.golomb();
    if (cycle > 255) return undefined;
    for (let i = 0; i < cycle; i += 1) bits.golomb();
  }
  bits.golomb(); // max_num_ref_frames
  bits.take(1); // gaps_in_frame_num_value_allowed_flag
  const columns = bits.golomb() + 1;
  const rows = bits.golomb() + 1;
  const frames = bits.take(1);
  if (!frames) bits.take(1); // mb_adaptive_frame_field_flag
  bits.take(1); // direct_8x8_inference_flag
  let [left, right, top, bottom] = [0, 0, 0, 0];
  if (bits.take(1)) [left, right, top, bottom] = [bits.golomb(), bits.golomb(), bits.golomb(), bits.golomb()];
  if (bits.exhausted || chroma > 3) return undefined;
  // Cropping is in units of the chroma grid (7.4.2.1.1, Equations 7-19 to 7-22).
  const unitX = chroma === 1 || chroma === 2 ? 2 : 1;
  const unitY = (chroma === 1 ? 2 : 1) * (2 - frames);
  const width = columns * 16 - (left + right) * unitX;
  const height = rows * 16 * (2 - frames) - (top + bottom) * unitY;
  if (width < 1 || height < 1 || width > SIDE_LIMIT || height > SIDE_LIMIT) return undefined;
  return { codec: `avc1.${hex(profile)}${hex(constraints)}${hex(level)}`, width, height };
}

/**
 * The parameter sets of an `avcC` record (ISO/IEC 14496-15, 5.3.3.1) as Annex-B, for encoders that give them only there.
 * Empty when the record is broken.
 */
export function parameterSets(avcC: Uint8Array): Uint8Array {
  const sets: number[] = [];
  let at = 5;
  for (const mask of [0x1f, 0xff]) {
    const count = (avcC[at] ?? 0) & mask;
    at += 1;
    for (let i = 0; i < count && i < 32; i += 1) {
      const length = ((avcC[at] ?? 0) << 8) | (avcC[at + 1] ?? 0);
      at += 2;
      if (length === 0 || length > SEQUENCE_BYTES || at + length > avcC.length) return new Uint8Array();
      sets.push(0, 0, 0, 1, ...avcC.subarray(at, at + length));
      at += length;
    }
  }
  return Uint8Array.from(sets);
}

/** The lowest level (Table A-1) whose frame holds `width` × `height`, and never below 3.1: phones cope with it anyway. */
export function levelFor(width: number, height: number): number {
  const macroblocks = Math.ceil(width / 16) * Math.ceil(height / 16);
  if (macroblocks <= 3600) return 31;
  if (macroblocks <= 5120) return 32;
  if (macroblocks <= 8192) return 40;
  if (macroblocks <= 22_080) return 50;
  return 51;
}

/** Where the next unit begins: the byte after `00 00 01`. */
function startCode(stream: Uint8Array, from: number): number | undefined {
  for (let i = from; i + 2 < stream.length; i += 1) {
    if (stream[i] === 0 && stream[i + 1] === 0 && stream[i + 2] === 1) return i + 3;
  }
  return undefined;
}

/** Takes the emulation prevention bytes out (7.4.1.1). */
function unescape(payload: Uint8Array): Uint8Array {
  const clean: number[] = [];
  let zeros = 0;
  for (const byte of payload) {
    if (zeros >= 2 && byte === 3) {
      zeros = 0;
      continue;
    }
    zeros = byte === 0 ? zeros + 1 : 0;
    clean.push(byte);
  }
  return Uint8Array.from(clean);
}

function scalingList(bits: Bits, size: number): void {
  let last = 8;
  let next = 8;
  for (let i = 0; i < size && !bits.exhausted; i += 1) {
    if (next !== 0) next = (last + bits.signedGolomb() + 256) % 256;
    last = next === 0 ? last : next;
  }
}

const hex = (byte: number) => byte.toString(16).padStart(2, '0');

/** Reads bits from the top; beyond the end it gives zeros and says so in `exhausted`. */
class Bits {
  exhausted = false;
  private at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  take(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i += 1) {
      const byte = this.bytes[this.at >> 3];
      if (byte === undefined) {
        this.exhausted = true;
        return 0;
      }
      value = value * 2 + ((byte >> (7 - (this.at & 7))) & 1);
      this.at += 1;
    }
    return value;
  }

  /** ue(v), 9.1. */
  golomb(): number {
    let zeros = 0;
    while (this.take(1) === 0) {
      zeros += 1;
      if (this.exhausted || zeros > 31) {
        this.exhausted = true;
        return 0;
      }
    }
    return 2 ** zeros - 1 + this.take(zeros);
  }

  /** se(v), 9.1.1. */
  signedGolomb(): number {
    const code = this.golomb();
    return code % 2 === 1 ? (code + 1) / 2 : -code / 2;
  }
}
