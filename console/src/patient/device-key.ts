/**
 * The key this device is known by for one visit: P-256, made here, never to leave (`extractable` is false). IndexedDB holds
 * it, so that a reload is still the same device; the link it belongs to is remembered by its hash only.
 */
import { base64url, sha256 } from '../seal/encoding';
import { secretBytes } from './statements';

const DATABASE = 'handlens';
const STORE = 'device';
const RECORD = 'visit';

interface Held {
  /** SHA-256 of the link's secret. */
  link: string;
  keys: CryptoKeyPair;
}

/** The key of the visit that `secret` began, if this device holds one. Without a secret: of the last visit. */
export async function heldKey(secret?: string): Promise<CryptoKeyPair | undefined> {
  const held = await read();
  if (!held || (secret !== undefined && held.link !== (await linkOf(secret)))) return undefined;
  return held.keys;
}

/** The key for the visit that `secret` begins: the one held, or a new one. */
export async function keyFor(secret: string): Promise<CryptoKeyPair> {
  const held = await heldKey(secret);
  if (held) return held;
  const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify']);
  const link = await linkOf(secret);
  await write((store) => store.put({ link, keys } satisfies Held, RECORD));
  return keys;
}

export async function forgetKey(): Promise<void> {
  await write((store) => store.delete(RECORD));
}

async function linkOf(secret: string): Promise<string> {
  return base64url(await sha256(secretBytes(secret) ?? new Uint8Array()));
}

async function read(): Promise<Held | undefined> {
  try {
    const database = await open();
    const held = await settled(database.transaction(STORE).objectStore(STORE).get(RECORD) as IDBRequest<Held | undefined>);
    database.close();
    return held;
  } catch {
    return undefined;
  }
}

/** A browser without storage (some private windows) still gets through the visit; only a reload loses the place. */
async function write(change: (store: IDBObjectStore) => IDBRequest): Promise<void> {
  try {
    const database = await open();
    await settled(change(database.transaction(STORE, 'readwrite').objectStore(STORE)));
    database.close();
  } catch {
    // As said above.
  }
}

function open(): Promise<IDBDatabase> {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore(STORE);
  };
  return settled(request);
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => {
      resolve(request.result);
    };
    request.onerror = () => {
      reject(request.error ?? new Error('storage failed'));
    };
  });
}
