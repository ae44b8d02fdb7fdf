/** The small grey picture of what the technician saw around a mark: proof of what was meant when the frame is long gone. */
import { pointsOf, type Size } from '../../marks/geometry';
import { base64url } from '../../seal/encoding';
import type { Geometry, Patch, Point } from '../../wire/types';

/** Side of a patch, pixels: at most. */
const SIDE = 128;
/** What is shown around the mark, as a part of the picture's width, at least. */
const AROUND = 0.06;

export interface PatchPlace {
  from: Point;
  to: Point;
  width: number;
  height: number;
}

/** Which part of a picture of this size the patch shows, on whole pixels, and how large it becomes. */
export function patchPlace(geometry: Geometry, picture: Size): PatchPlace {
  const points = pointsOf(geometry);
  const around = AROUND * picture.width;
  const side = (values: number[], length: number) => {
    const low = Math.min(...values) * length - around;
    const high = Math.max(...values) * length + around;
    return [Math.max(0, Math.floor(low)), Math.min(length, Math.ceil(high))] as const;
  };
  const [left, right] = side(points.map(({ x }) => x), picture.width);
  const [top, bottom] = side(points.map(({ y }) => y), picture.height);
  const scale = Math.min(1, SIDE / Math.max(right - left, bottom - top));
  return {
    from: { x: left / picture.width, y: top / picture.height },
    to: { x: right / picture.width, y: bottom / picture.height },
    width: Math.max(1, Math.floor((right - left) * scale)),
    height: Math.max(1, Math.floor((bottom - top) * scale)),
  };
}

/** The patch itself; nothing where the browser does not give pixels. */
export function patchOf(geometry: Geometry, still: ImageBitmap): Patch | undefined {
  const { from, to, width, height } = patchPlace(geometry, still);
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  if (!context) return undefined;
  const [left, top] = [from.x * still.width, from.y * still.height];
  context.drawImage(still, left, top, to.x * still.width - left, to.y * still.height - top, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  return { from, to, width, height, grey: base64url(greyOf(data)) };
}

/** Luminance of RGBA pixels (BT.709). */
export function greyOf(rgba: Uint8ClampedArray): Uint8Array {
  const grey = new Uint8Array(rgba.length / 4);
  for (let at = 0; at < grey.length; at += 1) {
    const [red = 0, green = 0, blue = 0] = rgba.subarray(at * 4, at * 4 + 3);
    grey[at] = Math.round(0.2126 * red + 0.7152 * green + 0.0722 * blue);
  }
  return grey;
}
