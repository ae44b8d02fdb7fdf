/** Where the console is. The address bar says it, the back button undoes it. */
import { format, parse, type Route } from './router';

class Navigation {
  route = $state<Route>(parse(location.pathname));

  constructor() {
    addEventListener('popstate', () => {
      this.route = parse(location.pathname);
    });
    document.addEventListener('click', (event) => {
      const path = ownLink(event);
      if (path === undefined) return;
      event.preventDefault();
      this.go(parse(path));
    });
  }

  go(route: Route, how: 'push' | 'replace' = 'push'): void {
    const path = format(route);
    if (how === 'replace') history.replaceState(null, '', path);
    else if (path !== location.pathname) history.pushState(null, '', path);
    this.route = route;
    scrollTo(0, 0);
  }
}

/** The path of a plain click on a link of ours. Anything else is the browser's. */
function ownLink(event: MouseEvent): string | undefined {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = event.target instanceof Element ? event.target.closest('a') : null;
  if (!link || link.target !== '' || link.hasAttribute('download') || link.origin !== location.origin || link.hash !== '') return;
  return parse(link.pathname).view === 'lost' ? undefined : link.pathname;
}

export const navigation = new Navigation();
