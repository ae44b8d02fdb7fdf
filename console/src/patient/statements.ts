/**
 * What this device signs: that it redeems a link, and what its owner allows. ECDSA on P-256 by WebCrypto, raw r‖s, over the
 * one canonical encoding of `core/seal/src/encoding.rs`; the fields are those of `core/protocol/src/consent.rs`.
 */
import { base64url, encode, fromBase64url, sha256, utf8 } from '../seal/encoding';
import type { Consent, Decision, Purpose, Redeem, Wording } from '../wire/types';

const REDEEM_DOMAIN = 'handlens/redeem/v1';
const CONSENT_DOMAIN = 'handlens/consent/v1';
/** A statement is accepted for so long, µs: half of what the server allows, for clocks that are off. */
const LIFE_US = 150 * 1_000_000;
const SECRET_BYTES = 16;

export async function sign(key: CryptoKey, domain: string, fields: readonly Uint8Array[]): Promise<string> {
  const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key, encode(domain, fields));
  return base64url(new Uint8Array(signature));
}

/** The 16 bytes of a link's secret; `undefined` when the fragment is none. */
export function secretBytes(fragment: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^[A-Za-z0-9_-]{22}$/.test(fragment)) return undefined;
  const bytes = fromBase64url(fragment);
  return bytes.length === SECRET_BYTES ? bytes : undefined;
}

export async function redemption(
  keys: CryptoKeyPair,
  secret: string,
  now_us: number,
  rest: Pick<Redeem, 'device' | 'take_over'>,
): Promise<Redeem> {
  const publicKey = new Uint8Array(await crypto.subtle.exportKey('raw', keys.publicKey));
  const expires_us = now_us + LIFE_US;
  const fields = [await sha256(fromBase64url(secret)), publicKey, utf8(String(expires_us))];
  const signature = await sign(keys.privateKey, REDEEM_DOMAIN, fields);
  return { secret, public_key: base64url(publicKey), expires_us, signature, ...rest };
}

/** Who allows, and where. */
export interface Party {
  organisation: string;
  session: string;
  participant: string;
}

export async function statement(
  keys: CryptoKeyPair,
  party: Party,
  purpose: Purpose,
  decision: Decision,
  wording: Wording,
  now_us: number,
): Promise<Consent> {
  const shown = await sha256(utf8(wording.text));
  const nonce = crypto.getRandomValues(new Uint8Array(16));
  const expires_us = now_us + LIFE_US;
  const signature = await sign(keys.privateKey, CONSENT_DOMAIN, [
    utf8(party.organisation),
    utf8(party.session),
    utf8(party.participant),
    utf8(purpose),
    utf8(decision),
    shown,
    utf8(wording.language),
    nonce,
    utf8(String(expires_us)),
  ]);
  return {
    purpose,
    decision,
    wording_sha256: base64url(shown),
    language: wording.language,
    nonce: base64url(nonce),
    expires_us,
    signature,
  };
}
