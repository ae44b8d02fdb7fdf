/**
 * The only door to `@moq/net`. It speaks one version of one protocol here, moq-lite-05, so the connection is taken from
 * inside the package: its own `connect()` brings the IETF drafts and a browser detector along, 29 KB gzip that no page of
 * ours runs. The version is pinned exactly in `package.json`; `tests` of the whole line notice when the inside moves.
 */
import './older-browsers';
import { Connection } from '../../node_modules/@moq/net/lite/connection.js';
import { Version } from '../../node_modules/@moq/net/lite/version.js';

export { Broadcast, Path, Time } from '@moq/net';
export type { Group, Track } from '@moq/net';
export type { Connection };

/** The sub-protocol that both transports offer. */
export const PROTOCOL = 'moq-lite-05';

/** Runs moq-lite-05 over a transport that is ready. */
export function connection(url: string, transport: WebTransport): Connection {
  return new Connection({ url: new URL(url), quic: transport, version: Version.DRAFT_05 });
}
