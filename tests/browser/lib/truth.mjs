// How far marks are from where they belong: what the console drew over a frame against where the scene was at that frame's
// capture time, in pixels of a picture 640 wide. The scene is a flat print, so that the truth is one homography a frame.

import fs from 'node:fs/promises';

/** Width of the picture in which errors are told, pixels. */
const JUDGED_WIDTH = 640;
/** Off by more than this while tracked is wrong, pixels. */
const WRONG_PX = 4;
/** Two capture times within this are one frame, µs. */
const SAME_US = 1_000;
/** Of a longer line the console tells so many points of what it painted, evenly chosen. */
const TOLD_POINTS = 32;

/** Takes a point through a homography, row by row; `undefined` when it is behind the camera. */
export function apply([a, b, c, d, e, f, g, h, i], [x, y]) {
  const w = g * x + h * y + i;
  return w > 1e-9 ? [(a * x + b * y + c) / w, (d * x + e * y + f) / w] : undefined;
}

/** The homography that undoes `m`. */
export function inverse([a, b, c, d, e, f, g, h, i]) {
  const adjugate = [
    e * i - f * h, c * h - b * i, b * f - c * e,
    f * g - d * i, a * i - c * g, c * d - a * f,
    d * h - e * g, b * g - a * h, a * e - b * d,
  ];
  // Scaled so that points in front of the camera stay in front of it.
  const determinant = a * adjugate[0] + b * adjugate[3] + c * adjugate[6];
  return adjugate.map((value) => value / determinant);
}

/** The points that carry a mark, in the order they are drawn. */
export function pointsOf(geometry) {
  switch (geometry.kind) {
    case 'point':
      return [geometry.at];
    case 'freehand':
      return geometry.points;
    case 'arrow':
      return [geometry.from, geometry.to];
    default: {
      const { from, to } = geometry;
      return [from, { x: to.x, y: from.y }, to, { x: from.x, y: to.y }];
    }
  }
}

/** Where the print was on each frame, by capture time, from the file that `handlens join --record` writes. */
export async function readTruth(file) {
  const lines = (await fs.readFile(file, 'utf8')).trim().split('\n');
  return new Map(lines.map((line) => JSON.parse(line)).map(({ capture_us, truth }) => [capture_us, truth]));
}

/**
 * Compares what was painted with the truth.
 *
 * @param {object[]} painted Painted frames: `capture_us`, `width`, `height`, `marks` with `id`, `state` and drawn `points`.
 * @param {Map<number, number[]>} truth By capture time.
 * @param {object[]} marks The marks as they were committed.
 * @returns the worst point of each mark on each frame where it was shown: `tracked` and all errors, how many of the tracked ones are
 *   wrong, how many mark-frames were lost or had no truth, and how many of the marks were never tracked.
 */
export function compare(painted, truth, marks) {
  const committed = new Map(marks.map((mark) => [mark.id, mark]));
  const result = { errors_px: [], tracked: 0, approximate: 0, lost: 0, wrong_while_tracked: 0, without_truth: 0 };
  const tracked = new Set();
  for (const frame of painted) {
    const now = at(truth, frame.capture_us);
    for (const { id, state, points } of frame.marks) {
      const mark = committed.get(id);
      if (!mark) continue;
      if (state === 'lost') {
        result.lost += 1;
        continue;
      }
      // On its own frame a mark is where it was drawn: that proves nothing.
      if (Math.abs(frame.capture_us - mark.capture_us) <= SAME_US) continue;
      const drawn = at(truth, mark.capture_us);
      if (!now || !drawn) {
        result.without_truth += 1;
        continue;
      }
      const error = worst(told(pointsOf(mark.geometry)), points, now, inverse(drawn), frame);
      if (error === undefined) continue;
      result[state] += 1;
      if (state !== 'tracked') continue;
      tracked.add(id);
      result.errors_px.push(error);
      if (error > WRONG_PX) result.wrong_while_tracked += 1;
    }
  }
  return { ...result, never_tracked: marks.filter(({ id }) => !tracked.has(id)).length };
}

/** The error that so many of all are below. */
export function percentile(errors, part) {
  if (errors.length === 0) return undefined;
  const sorted = errors.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
}

function worst(drawnAt, shown, now, back, { width, height }) {
  let worst;
  for (const [index, { x, y }] of drawnAt.entries()) {
    const onPrint = apply(back, [x, y]);
    const belongs = onPrint && apply(now, onPrint);
    const is = shown[index];
    if (!belongs || !is) return undefined;
    const [dx, dy] = [is[0] - belongs[0], (is[1] - belongs[1]) * (height / width)];
    worst = Math.max(worst ?? 0, Math.hypot(dx, dy) * JUDGED_WIDTH);
  }
  return worst;
}

function told(points) {
  if (points.length <= TOLD_POINTS) return points;
  const step = (points.length - 1) / (TOLD_POINTS - 1);
  return points.filter((_, index) => Math.round(Math.round(index / step) * step) === index);
}

/** Capture times are the same number everywhere; a container may round to a millisecond. */
function at(truth, capture_us) {
  const exact = truth.get(capture_us);
  if (exact) return exact;
  for (const [time, value] of truth) if (Math.abs(time - capture_us) <= SAME_US) return value;
  return undefined;
}
