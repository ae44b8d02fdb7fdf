import { readFileSync } from 'node:fs';
import { afterEach, expect, test, vi } from 'vitest';
import { CLOSE } from '../realtime/close';
import { CATALOG_TRACK, VIDEO_TRACK } from '../realtime/hang';
import { MARKS_TRACK } from '../realtime/mark-records';
import { PRESENCE_TRACK, REPORT_TRACK, STATE_TRACK } from '../realtime/records';
import { dial } from '../realtime/transport';
import { identifier } from './id';
import type { Ticket } from './types';

/** What Rust says too: `core/protocol/tests/records/names.rs`. */
interface File {
  identifiers: { prefix: string; bits: string; text: string }[];
  tracks: Record<string, string>;
  ticket: { ticket: string; webtransport_protocol: string };
  close_codes: Record<string, number>;
}
const path = new URL('../../../tests/vectors/protocol/names.json', import.meta.url);
const file = JSON.parse(readFileSync(path, 'utf8')) as File;
const bytes = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));

afterEach(() => {
  vi.unstubAllGlobals();
});

/** The same bits have the same text for every kind of thing. */
test('identifiers are golden', () => {
  expect(file.identifiers).toHaveLength(9);
  for (const { prefix, bits, text } of file.identifiers) expect(identifier(prefix, bytes(bits))).toBe(text);
});

test('tracks and close codes are golden', () => {
  const [state, marks, presence, report] = [STATE_TRACK, MARKS_TRACK, PRESENCE_TRACK, REPORT_TRACK];
  expect({ state, marks, presence, report, catalog: CATALOG_TRACK, video: VIDEO_TRACK }).toEqual(file.tracks);
  expect(CLOSE).toEqual(file.close_codes);
});

/** A ticket is offered as a sub-protocol and stands in no URL; certificates are told by the bytes of their hashes. */
test('a ticket is offered under its golden name', async () => {
  const offered: [string, WebTransportOptions & { protocols?: string[] }][] = [];
  class Transport {
    closed = new Promise<never>(() => undefined);
    ready = new Promise<never>(() => undefined);
    constructor(url: string, options: WebTransportOptions) {
      offered.push([url, options]);
    }
  }
  vi.stubGlobal('WebTransport', Transport);
  const ticket: Ticket = {
    ticket: file.ticket.ticket,
    udp_url: 'https://clinic.example:8471/',
    certificate_sha256: ['+/8B'],
    websocket_url: 'wss://clinic.example/api/realtime',
    publish: [],
    subscribe: [],
    purposes: [],
  };
  const seen = new AbortController();
  const dialled = dial(ticket, seen.signal);
  seen.abort(new Error('seen'));
  await expect(dialled).rejects.toThrow('seen');
  expect(offered).toHaveLength(1);
  const [[url, { protocols, serverCertificateHashes }]] = offered as [(typeof offered)[number]];
  expect(url).toBe(ticket.udp_url);
  expect(protocols).toEqual(['moq-lite-05', file.ticket.webtransport_protocol]);
  expect(serverCertificateHashes).toEqual([{ algorithm: 'sha-256', value: Uint8Array.of(0xfb, 0xff, 0x01) }]);
});
