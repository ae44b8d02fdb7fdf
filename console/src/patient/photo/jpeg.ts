/**
 * Any picture this browser can read, as a JPEG that says nothing but the picture: a phone writes its place and its number
 * into a photo (EXIF), and nobody allowed those. A plain JPEG of a fitting size stays as it is.
 */
import type { Bytes } from '../../seal/encoding';

/** Pixels of the longer side: twelve megapixels pass whole, and every phone's canvas can hold it. */
const SIDE = 4096;
/** A file larger than this is not looked at, bytes. */
const FILE_BYTES = 64 * 1024 * 1024;
/** Bytes of a JPEG that leave room for what is said beside it, and for the seal. */
const JPEG_BYTES = 31 * 1024 * 1024;
/** Tried in this order until the picture fits. */
const QUALITIES = [0.9, 0.8, 0.6];

export interface Jpeg {
  bytes: Bytes;
  /** Pixels as shown. */
  width: number;
  height: number;
}

/** Reads `file`; `undefined` when it is no picture that this browser knows. */
export async function readPicture(file: Blob): Promise<Jpeg | undefined> {
  if (file.size === 0 || file.size > FILE_BYTES) return undefined;
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    return undefined;
  }
  const { width, height } = bitmap;
  try {
    const bytes = new Uint8Array(await file.arrayBuffer());
    if (isPlainJpeg(bytes) && Math.max(width, height) <= SIDE && bytes.length <= JPEG_BYTES) return { bytes, width, height };
    return await toJpeg(bitmap, width, height);
  } catch {
    return undefined;
  } finally {
    bitmap.close();
  }
}

/** A JPEG of `picture`, made smaller where it must be; `undefined` when this browser cannot. */
export async function toJpeg(picture: CanvasImageSource, width: number, height: number): Promise<Jpeg | undefined> {
  const scale = Math.min(1, SIDE / Math.max(width, height));
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext('2d', { alpha: false });
  if (!context) return undefined;
  context.imageSmoothingQuality = 'high';
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  for (const quality of QUALITIES) {
    const blob = await new Promise<Blob | null>((done) => {
      canvas.toBlob(done, 'image/jpeg', quality);
    });
    if (blob?.type !== 'image/jpeg' || blob.size > JPEG_BYTES) continue;
    return { bytes: new Uint8Array(await blob.arrayBuffer()), width: canvas.width, height: canvas.height };
  }
  return undefined;
}

/** What a colour profile begins with; other APP2 segments hold other pictures (Multi-Picture Format), with what those say. */
const PROFILE = [...'ICC_PROFILE\0'].map((letter) => letter.charCodeAt(0));

/**
 * Whether these bytes are a JPEG whose segments are only what shows it: JFIF, a colour profile (APP2), Adobe's colour
 * transform (APP14). EXIF and XMP (APP1), IPTC (APP13), makers' own segments, comments, and whatever comes after the picture
 * are more than that.
 */
export function isPlainJpeg(bytes: Uint8Array): boolean {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return false;
  for (let at = 2; at + 2 <= bytes.length; ) {
    const [mark, kind = 0] = bytes.subarray(at, at + 2);
    if (mark !== 0xff) return false;
    // The end of the picture is the end of the file.
    if (kind === 0xd9) return at + 2 === bytes.length;
    const length = ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
    const shows = kind < 0xe0 || kind === 0xe0 || kind === 0xee || (kind === 0xe2 && isProfile(bytes, at + 4));
    if (!shows || kind > 0xef || length < 2) return false;
    at += 2 + length;
    if (kind === 0xda) at = afterScan(bytes, at);
  }
  return false;
}

const isProfile = (bytes: Uint8Array, at: number) => PROFILE.every((byte, number) => bytes[at + number] === byte);

/** Where the compressed picture that begins at `at` ends: at a marker that is neither stuffing nor a restart. */
function afterScan(bytes: Uint8Array, at: number): number {
  for (let next = bytes.indexOf(0xff, at); next >= 0; next = bytes.indexOf(0xff, next + 1)) {
    const kind = bytes[next + 1] ?? 0;
    if (kind !== 0 && kind !== 0xff && (kind < 0xd0 || kind > 0xd7)) return next;
  }
  return bytes.length;
}
