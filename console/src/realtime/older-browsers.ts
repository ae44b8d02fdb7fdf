/**
 * Two methods that `@moq/net` calls and that phones with a video encoder may still lack: `Promise.withResolvers` (Safari
 * before 17.4, Chrome before 119) and `Set.prototype.difference` (Safari before 17, Chrome before 122).
 */
interface Resolvers<T> {
  promise: Promise<T>;
  resolve: (value: T | PromiseLike<T>) => void;
  reject: (reason?: unknown) => void;
}

function withResolvers<T>(): Resolvers<T> {
  let resolve!: Resolvers<T>['resolve'];
  let reject!: Resolvers<T>['reject'];
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

function difference<T>(this: Set<T>, other: ReadonlySet<T>): Set<T> {
  return new Set([...this].filter((item) => !other.has(item)));
}

const define = (owner: object, name: string, value: unknown) => {
  if (!(name in owner)) Object.defineProperty(owner, name, { value, writable: true, configurable: true });
};

define(Promise, 'withResolvers', withResolvers);
define(Set.prototype, 'difference', difference);
