/**
 * Photos that the server does not have yet, kept over a reload: sealed objects and what is public about them. Never a key
 * that opens one, never a picture. A browser without storage keeps them for as long as the page lives.
 */
import type { Bytes } from '../../seal/encoding';
import { flag, flagged } from './flag';

/** One sealed photo. */
export interface Parcel {
  object: string;
  organisation: string;
  session: string;
  /** The request it answers. */
  request?: string | undefined;
  /** The sealed object. */
  sealed: Bytes;
  /** Its SHA-256. */
  sha256: Bytes;
  /** Its key, sealed to the session. */
  seal: Bytes;
  /** What its receipt is signed with: as it was when the photo was taken. */
  receipt_key: string;
  /** When it was sealed, ms since the Unix epoch. */
  kept_ms: number;
}

/** What was found. */
export interface Kept {
  /** The oldest first. */
  parcels: Parcel[];
  /** False when the storage did not answer: there may be more. */
  whole: boolean;
}

const DATABASE = 'handlens-outbox';
const STORE = 'photos';

export class Outbox {
  /** For browsers that store nothing. */
  private readonly here = new Map<string, Parcel>();

  async keep(parcel: Parcel): Promise<void> {
    this.here.set(parcel.object, parcel);
    if (!(await write((store) => store.put(parcel, parcel.object)))) return;
    this.here.delete(parcel.object);
    flag(true);
  }

  /** Everything kept. A phone that slept may have lost its storage for a moment: it is asked twice. */
  async all(): Promise<Kept> {
    const stored = (await read()) ?? (await read());
    if (stored) flag(stored.length > 0);
    const parcels = [...(stored ?? []), ...this.here.values()];
    parcels.sort((a, b) => a.kept_ms - b.kept_ms);
    return { parcels, whole: stored !== undefined || !flagged() };
  }

  async drop(object: string): Promise<void> {
    this.here.delete(object);
    await write((store) => store.delete(object));
  }
}

/** What is stored; `undefined` when that cannot be known. */
async function read(): Promise<Parcel[] | undefined> {
  try {
    const database = await open();
    const found = await settled(database.transaction(STORE).objectStore(STORE).getAll() as IDBRequest<Parcel[]>);
    database.close();
    return found;
  } catch {
    return undefined;
  }
}

/** True once it is on the disk. */
async function write(change: (store: IDBObjectStore) => IDBRequest): Promise<boolean> {
  try {
    const database = await open();
    const transaction = database.transaction(STORE, 'readwrite', { durability: 'strict' });
    const done = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => {
        resolve();
      };
      transaction.onabort = () => {
        reject(transaction.error ?? new Error('storage failed'));
      };
    });
    change(transaction.objectStore(STORE));
    await done;
    database.close();
    return true;
  } catch {
    return false;
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
