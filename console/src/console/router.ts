/** Paths of the console and what they show. No browser here; `navigation.svelte.ts` has it. */

export type Route =
  | { view: 'home' }
  | { view: 'setup' }
  | { view: 'login' }
  | { view: 'sessions' }
  | { view: 'new' }
  | { view: 'session'; id: string }
  | { view: 'lost' };

/** `core/protocol/src/id.rs`: 128 bits in Crockford base32, lower case. */
const SESSION = /^ses_[0-9a-hjkmnp-tv-z]{26}$/;

/** What `path` shows. Anything that is no path of ours is `lost`. */
export function parse(path: string): Route {
  const [first, second, ...rest] = path.split('/').filter((part) => part !== '');
  if (rest.length > 0) return { view: 'lost' };
  if (second === undefined) {
    switch (first) {
      case undefined:
        return { view: 'home' };
      case 'setup':
      case 'login':
      case 'sessions':
        return { view: first };
      default:
        return { view: 'lost' };
    }
  }
  if (first !== 'sessions') return { view: 'lost' };
  if (second === 'new') return { view: 'new' };
  return SESSION.test(second) ? { view: 'session', id: second } : { view: 'lost' };
}

/** The path of a route; `parse` gives the same route back. */
export function format(route: Route): string {
  switch (route.view) {
    case 'home':
    case 'lost':
      return '/';
    case 'new':
      return '/sessions/new';
    case 'session':
      return `/sessions/${route.id}`;
    default:
      return `/${route.view}`;
  }
}

/** The one-time secret in the fragment of a setup link, at most 256 characters, else nothing. */
export function setupSecret(hash: string): string {
  return /^#([\w-]{1,256})$/.exec(hash)?.[1] ?? '';
}
