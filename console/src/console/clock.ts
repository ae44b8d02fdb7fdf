/** Times as people read them. */

/** `0:12`, `12:05`, `1:02:03`. Less than nothing is nothing. */
export function elapsed(us: number): string {
  const seconds = Math.max(0, Math.floor(us / 1e6));
  const two = (n: number) => String(n).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours > 0 ? `${String(hours)}:${two(minutes)}:${two(seconds % 60)}` : `${String(minutes)}:${two(seconds % 60)}`;
}

/** `1.4 s`, `12 s`, `3 min`. */
export function age(ms: number): string {
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 119_500) return `${String(Math.round(ms / 1000))} s`;
  return `${String(Math.round(ms / 60_000))} min`;
}

const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', year: 'numeric' });
const hour = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' });
const second = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit', second: '2-digit' });

/** `14:05` of today, else `3 Nov 2026, 14:05`, in the reader's own zone and manner. */
export function moment(us: number, now_us = Date.now() * 1000): string {
  const date = new Date(us / 1000);
  const time = hour.format(date);
  return day.format(date) === day.format(new Date(now_us / 1000)) ? time : `${day.format(date)}, ${time}`;
}

/** `3 Nov 2026, 14:05`, for records. */
export const fullMoment = (us: number): string => `${day.format(us / 1000)}, ${hour.format(us / 1000)}`;

/** `14:05:09`. */
export const timeOfDay = (us: number): string => second.format(us / 1000);

/** `2026-11-03 14.05.09`, for the names of files, in the reader's own zone. */
export function fileMoment(us: number): string {
  const date = new Date(us / 1000);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = [String(date.getFullYear()), two(date.getMonth() + 1), two(date.getDate())].join('-');
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join('.')}`;
}
