/** Two capture times within this are one picture, µs. */
const SAME_US = 1_000;

/** Whether two capture times of one camera mean the same picture. */
export const samePicture = (one_us: number, other_us: number): boolean => Math.abs(one_us - other_us) <= SAME_US;
