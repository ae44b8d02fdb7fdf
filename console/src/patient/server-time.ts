/** The server's clock, for signed statements: phones are wrong by minutes more often than one thinks. */

let offset_ms = 0;

/** Now, as far as the server is concerned, µs since the Unix epoch. */
export function serverNow(): number {
  return Math.round((Date.now() + offset_ms) * 1000);
}

/** Takes the server's clock from the `Date` of an answer (whole seconds are exact enough). False when there was none. */
export async function setByServer(): Promise<boolean> {
  try {
    const { headers } = await fetch('/api/health', { cache: 'no-store', credentials: 'omit' });
    const told = Date.parse(headers.get('date') ?? '');
    if (Number.isNaN(told)) return false;
    offset_ms = told - Date.now();
    return true;
  } catch {
    return false;
  }
}
