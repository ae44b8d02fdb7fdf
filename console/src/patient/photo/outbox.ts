/**
 * Photos that the server does not have yet, kept over a reload: sealed objects and what is public about them. Never a key
 * that opens one, never a picture. A browser without storage keeps them for as long as the page lives.
 */
import type { Bytes } from '../../seal/encoding';
import { FLAG } from './flag';

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

const DATABASE = 'handlens-outbox';
const STORE = 'photos';

export class Outbox {
  /** For browsers that store nothing. */
  private readonly here = new Map<string, Parcel>();

  async keep(parcel: Parcel): Promise<void> {
    this.here.set(parcel.object, parcel);
    if (await write((store) => store.put(parcel, parcel.object))) this.here.delete(parcel.object);
    flag(true);
  }

  /** Everything kept, the oldest first. */
  async all(): Promise<Parcel[]> {
    const stored = await read();
    const parcels = [...stored, ...this.here.values()];
    flag(parcels.length > 0);
    return parcels.sort((a, b) => a.kept_ms - b.kept_ms);
  }

  async drop(object: string): Promise<void> {
    this.here.delete(object);
    await write((store) => store.delete(object));
  }
}

function flag(set: boolean): void {
  try {
    if (set) localStorage.setItem(FLAG, '1');
    else localStorage.removeItem(FLAG);
  } catch {
    // Without storage there is nothing to find after a reload either.
  }
}

async function read(): Promise<Parcel[]> {
  try {
    const database = await open();
    const found = await settled(database.transaction(STORE).objectStore(STORE).getAll() as IDBRequest<Parcel[]>);
    database.close();
    return found;
  } catch {
    return [];
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
