// The API as a program uses it, with the cookies a browser would keep.

/** A refusal: the problem details (RFC 9457) that the server gave, and the status. */
export class Refused extends Error {
  constructor(method, path, status, problem) {
    super(`${method} ${path} → ${status} ${problem?.code ?? ''} ${problem?.detail ?? ''}`.trim());
    this.status = status;
    this.code = problem?.code;
    this.problem = problem;
  }
}

export class Client {
  #cookies = new Map();

  constructor(origin) {
    this.origin = origin;
  }

  get = (path) => this.send('GET', path);
  post = (path, body = {}) => this.send('POST', path, body);
  put = (path, body) => this.send('PUT', path, body);

  /** Sends JSON and gives the JSON of the answer; throws [`Refused`] for anything but 2xx. */
  async send(method, path, body, headers = {}) {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(this.origin + path, {
      method,
      redirect: 'error',
      headers: {
        origin: this.origin,
        ...(cookie && { cookie }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    for (const set of response.headers.getSetCookie()) this.#keep(set);
    const text = await response.text();
    const json = text && response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : undefined;
    if (!response.ok) throw new Refused(method, path, response.status, json);
    return json;
  }

  /** Gives this client's login to a browser context, as if the person had logged in there. */
  async lend(context) {
    // `__Host-` cookies are `Secure`; Chromium sends them to http://localhost, but only takes them from an https address.
    const url = this.origin.replace(/^http:/, 'https:');
    const cookies = [...this.#cookies].map(([name, value]) => ({ name, value, url, httpOnly: true, secure: true, sameSite: 'Strict' }));
    await context.addCookies(cookies);
  }

  #keep(set) {
    const [pair, ...attributes] = set.split(';');
    const [name, value] = pair.split(/=(.*)/s);
    const gone = attributes.some((attribute) => /^\s*max-age=0\s*$/i.test(attribute));
    if (gone || !value) this.#cookies.delete(name.trim());
    else this.#cookies.set(name.trim(), value.trim());
  }
}
