#!/usr/bin/env python3
"""Writes and checks the golden vectors of `core/seal` without a line of ours: Python's `cryptography` does the work.

    python3 -m venv VENV && VENV/bin/pip install 'cryptography>=50'
    VENV/bin/python generate.py            check every vector that is there
    VENV/bin/python generate.py --write    write the files that are not there, then check

A file that exists is never written again: a vector says what was once on a disk or a wire. A new version of a format gets
a new file. Keys are printable and fixed; they protect nothing.
"""

import base64
import hashlib
import json
import pathlib
import sys

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

HERE = pathlib.Path(__file__).parent
CHUNK, TAG = 16384, 16
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

HEADERS = [
    {"organisation": "org-1", "session": "session-1", "object": "object-1", "purpose": "snapshots"},
    {"organisation": "org-1", "session": None, "object": "object-2", "purpose": "notes"},
    {"organisation": "!~" * 64, "session": "s" * 128, "object": "o" * 128, "purpose": "p"},
]


def named_bytes(name):
    """32 bytes that anyone can make again."""
    return hashlib.sha256(name.encode()).digest()


def plaintext(length):
    """Byte i is i mod 251."""
    return bytes(i % 251 for i in range(length))


def encode(domain, fields):
    """length(domain) ‖ domain ‖ length(field) ‖ field …, lengths u32 big-endian."""
    return b"".join(len(f).to_bytes(4, "big") + f for f in [domain.encode(), *fields])


def context(header):
    fields = [header["organisation"], header["session"] or "", header["object"], header["purpose"]]
    return encode("handlens/object@v1", [f.encode() for f in fields])


def expand(key, info, length):
    return HKDFExpand(SHA512(), length, info).derive(key)


def cobblestone(key, context, salt, text):
    """The specification once more, from AESGCM and HKDFExpand, so that the salt can be given."""
    info = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0" + salt + context
    material = expand(key, info, 32 + 12 + 32)
    cipher, base, out = AESGCM(material[:32]), int.from_bytes(material[32:44], "big"), salt + material[44:]
    for index in range(len(text) // CHUNK + 1):
        out += cipher.encrypt((base ^ index).to_bytes(12, "big"), text[index * CHUNK : (index + 1) * CHUNK], None)
    return out


def containers():
    for number, length in enumerate([0, 1, 16383, 16384, 16385, 40000]):
        key, header = named_bytes(f"container {number}"), HEADERS[number % len(HEADERS)]
        encryptor = Cobblestone256Encryptor(key, context(header))
        container = encryptor.update(plaintext(length)) + encryptor.finalize()
        yield {
            "key": key.hex(),
            "header": header,
            "context": context(header).hex(),
            "plaintext_length": length,
            "plaintext_sha256": hashlib.sha256(plaintext(length)).hexdigest(),
            "container": container.hex(),
        }


def check_container(vector):
    key, ctx = bytes.fromhex(vector["key"]), bytes.fromhex(vector["context"])
    container, text = bytes.fromhex(vector["container"]), plaintext(vector["plaintext_length"])
    assert ctx == context(vector["header"])
    decryptor = Cobblestone256Decryptor(key, ctx)
    assert decryptor.update(container) + decryptor.finalize() == text
    assert cobblestone(key, ctx, container[:24], text) == container
    # The negative control: a changed byte is refused by the library that wrote it.
    try:
        decryptor = Cobblestone256Decryptor(key, ctx)
        decryptor.update(container[:-1] + bytes([container[-1] ^ 1]))
        decryptor.finalize()
    except Exception:
        return
    raise AssertionError("a changed container opened")


def wraps():
    for number, header in enumerate(HEADERS):
        kek, key = named_bytes(f"kek {number}"), named_bytes(f"dek {number}")
        inside = key + hashlib.sha256(context(header)).digest()
        yield {
            "kek": kek.hex(),
            "key": key.hex(),
            "header": header,
            "context": context(header).hex(),
            "wrapped": aes_key_wrap(kek, inside).hex(),
        }


def check_wrap(vector):
    inside = aes_key_unwrap(bytes.fromhex(vector["kek"]), bytes.fromhex(vector["wrapped"]))
    assert inside == bytes.fromhex(vector["key"]) + hashlib.sha256(context(vector["header"])).digest()


def derivations():
    key = named_bytes("parent")
    for purpose, ctx in [("notes", b""), ("notes", b"org-1"), ("snapshots", b"org-1"), ("p" * 128, bytes(range(256)))]:
        yield {
            "key": key.hex(),
            "purpose": purpose,
            "context": ctx.hex(),
            "derived": derive(key, purpose, ctx).hex(),
        }


def derive(key, purpose, ctx):
    return expand(key, encode("handlens/derive@v1", [purpose.encode(), ctx]), 32)


def check_derivation(vector):
    key, ctx = bytes.fromhex(vector["key"]), bytes.fromhex(vector["context"])
    assert derive(key, vector["purpose"], ctx) == bytes.fromhex(vector["derived"])


def signatures():
    statements = [
        ("handlens/example@v1", []),
        ("handlens/example@v1", [b""]),
        ("handlens/consent@v1", [b"session-1", b"camera", bytes(range(32)), "en".encode(), "größer".encode()]),
        ("handlens/example@v2", [bytes(1000), b"\xff" * 3]),
    ]
    for number, (domain, fields) in enumerate(statements):
        private = ec.derive_private_key(int.from_bytes(named_bytes(f"signer {number}"), "big"), ec.SECP256R1())
        der = private.sign(encode(domain, fields), ec.ECDSA(SHA256(), deterministic_signing=True))
        r, s = decode_dss_signature(der)
        raw = lambda s: (r.to_bytes(32, "big") + s.to_bytes(32, "big")).hex()
        yield {
            "domain": domain,
            "fields": [field.hex() for field in fields],
            "encoded": encode(domain, fields).hex(),
            "private": private.private_numbers().private_value.to_bytes(32, "big").hex(),
            "public": private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint).hex(),
            "signature": raw(s),
            "other_s": raw(ORDER - s),
            "der": der.hex(),
        }


def check_signature(vector):
    fields = [bytes.fromhex(field) for field in vector["fields"]]
    assert encode(vector["domain"], fields) == bytes.fromhex(vector["encoded"])
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes.fromhex(vector["public"]))
    for raw in (bytes.fromhex(vector["signature"]), bytes.fromhex(vector["other_s"])):
        r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
        public.verify(encode_dss_signature(r, s), bytes.fromhex(vector["encoded"]), ec.ECDSA(SHA256()))
    public.verify(bytes.fromhex(vector["der"]), bytes.fromhex(vector["encoded"]), ec.ECDSA(SHA256()))


HPKE = hpke.Suite(hpke.KEM.P256, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
# RFC 9180: DHKEM(P-256, HKDF-SHA256) 0x0010; with HKDF-SHA256 0x0001 and AES-256-GCM 0x0002.
KEM_SUITE, SUITE = b"KEM\x00\x10", b"HPKE\x00\x10\x00\x01\x00\x02"


def session_key(name):
    return ec.derive_private_key(int.from_bytes(named_bytes(name), "big"), ec.SECP256R1())


def point(public):
    return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def scalar(private):
    return private.private_numbers().private_value.to_bytes(32, "big")


def seal_info(header):
    return encode("handlens/seal@v1", [context(header)])


def labeled_extract(suite, salt, label, ikm):
    mac = HMAC(salt or bytes(32), SHA256())
    mac.update(b"HPKE-v1" + suite + label + ikm)
    return mac.finalize()


def labeled_expand(suite, prk, label, info, length):
    labeled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return HKDFExpand(SHA256(), length, labeled).derive(prk)


def ephemeral_key(ikm):
    """DeriveKeyPair of RFC 9180, section 7.1.3."""
    prk = labeled_extract(KEM_SUITE, b"", b"dkp_prk", ikm)
    for counter in range(256):
        number = int.from_bytes(labeled_expand(KEM_SUITE, prk, b"candidate", bytes([counter]), 32), "big")
        if 0 < number < ORDER:
            return ec.derive_private_key(number, ec.SECP256R1())
    raise AssertionError("no key")


def hpke_cipher(shared, enc, recipient, info):
    """ExtractAndExpand (4.1) and KeySchedule (5.1) for mode base and the first message."""
    prk = labeled_extract(KEM_SUITE, b"", b"eae_prk", shared)
    secret = labeled_expand(KEM_SUITE, prk, b"shared_secret", enc + recipient, 32)
    psk_id = labeled_extract(SUITE, b"", b"psk_id_hash", b"")
    schedule = b"\0" + psk_id + labeled_extract(SUITE, b"", b"info_hash", info)
    secret = labeled_extract(SUITE, secret, b"secret", b"")
    key = labeled_expand(SUITE, secret, b"key", schedule, 32)
    return AESGCM(key), labeled_expand(SUITE, secret, b"base_nonce", schedule, 12)


def hpke_by_the_text(ikm, public, info, text):
    """The RFC once more, from ECDH, HMAC, HKDFExpand and AESGCM, so that the ephemeral key can be given."""
    ephemeral = ephemeral_key(ikm)
    enc = point(ephemeral.public_key())
    cipher, nonce = hpke_cipher(ephemeral.exchange(ec.ECDH(), public), enc, point(public), info)
    return enc + cipher.encrypt(nonce, text, b"")


def seals():
    for number, header in enumerate(HEADERS):
        private, key, ikm = session_key(f"session {number}"), named_bytes(f"sealed {number}"), named_bytes(f"ikm {number}")
        both = {
            None: HPKE.encrypt(key, private.public_key(), seal_info(header)),
            ikm.hex(): hpke_by_the_text(ikm, private.public_key(), seal_info(header), key),
        }
        for ikm, sealed in both.items():
            yield {
                "open_key": scalar(private).hex(),
                "seal_key": point(private.public_key()).hex(),
                "header": header,
                "info": seal_info(header).hex(),
                "key": key.hex(),
                "ikm": ikm,
                "sealed": sealed.hex(),
            }


def check_seal(vector):
    private = ec.derive_private_key(int(vector["open_key"], 16), ec.SECP256R1())
    info, key, sealed = seal_info(vector["header"]), bytes.fromhex(vector["key"]), bytes.fromhex(vector["sealed"])
    assert point(private.public_key()).hex() == vector["seal_key"] and info.hex() == vector["info"]
    assert len(sealed) == 113 and HPKE.decrypt(sealed, private, info) == key
    if vector["ikm"]:
        assert hpke_by_the_text(bytes.fromhex(vector["ikm"]), private.public_key(), info, key) == sealed
    # The negative control: for another object it does not open.
    try:
        HPKE.decrypt(sealed, private, seal_info({**vector["header"], "object": "another"}))
    except Exception:
        return
    raise AssertionError("a seal opened for another object")


BASE32 = str.maketrans("abcdefghijklmnopqrstuvwxyz234567", "0123456789abcdefghjkmnpqrstvwxyz")
# 16 × 12 pixels, by Pillow.
JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdBRkxOUlNSMj5aYVpQYEpR"
    "Uk//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT0//wAARCAAMABADASIAAhEB"
    "AxEB/8QAFQABAQAAAAAAAAAAAAAAAAAABQb/xAAaEAACAgMAAAAAAAAAAAAAAAAABAMiBSEx/8QAFQEBAQAAAAAAAAAAAAAAAAAAAQP/xAAZEQACAwEA"
    "AAAAAAAAAAAAAAAAAgMEBSH/2gAMAwEAAhEDEQA/AJ1XFcqLq4rlRpVaLVRdVaLVQnvMTytF+H//2Q=="
)


def identifier(prefix, name):
    """128 bits that anyone can make again, in the text form of `core/protocol/src/id.rs`."""
    bits = base64.b32encode(named_bytes(name)[:16]).decode().rstrip("=").lower()
    return f"{prefix}_{bits.translate(BASE32)}"


def abouts():
    """What is said of a picture: nothing drawn, and one mark that is there beside one that is lost."""
    plain = {"v": 1, "capture_us": 12000000, "taken_us": 1790000000000000, "width": 16, "height": 12}

    def placed(name, geometry, position):
        mark, camera = identifier("mrk", name), identifier("par", "camera")
        style = {"colour": "yellow", "width": 0.03125}
        return {
            "mark": {"v": 1, "id": mark, "author": identifier("par", "technician"), "camera": camera,
                     "capture_us": 11000000, "geometry": geometry, "style": style},
            "position": {"id": mark, **position},
        }

    arrow = {"kind": "arrow", "from": {"x": 0.25, "y": 0.5}, "to": {"x": 0.5, "y": 0.5}}
    there = {"state": "tracked", "error_px": 0.5, "map": [1.0, 0.0, 0.125, 0.0, 1.0, -0.25, 0.0, 0.0, 1.0]}
    pin = {"kind": "point", "at": {"x": 1.0, "y": 0.0}}
    gone = {"state": "lost", "reason": "out_of_view", "error_px": 40.0,
            "map": [1.0, 0.0, 0.5, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
            "ghost": {"at": {"x": 1.0, "y": 0.25}, "direction": 0.75}}
    return [plain, {**plain, "marks": [placed("arrow", arrow, there), placed("pin", pin, gone)]}]


def snapshots():
    for number, about in enumerate(abouts()):
        said = json.dumps(about, separators=(",", ":")).encode()
        plain = b"HLS1" + len(said).to_bytes(4, "big") + said + JPEG
        header = {"organisation": identifier("org", "organisation"), "session": identifier("ses", "session"),
                  "object": identifier("obj", f"snapshot {number}"), "purpose": "snapshots"}
        private, key = session_key("session of the snapshots"), named_bytes(f"snapshot key {number}")
        encryptor = Cobblestone256Encryptor(key, context(header))
        container = encryptor.update(plain) + encryptor.finalize()
        yield {
            "about": about,
            "jpeg": JPEG.hex(),
            "plaintext": plain.hex(),
            "header": header,
            "context": context(header).hex(),
            "key": key.hex(),
            "container": container.hex(),
            "container_sha256": hashlib.sha256(container).hexdigest(),
            "open_key": scalar(private).hex(),
            "seal_key": point(private.public_key()).hex(),
            "seal": HPKE.encrypt(key, private.public_key(), seal_info(header)).hex(),
        }


def check_snapshot(vector):
    private, header = ec.derive_private_key(int(vector["open_key"], 16), ec.SECP256R1()), vector["header"]
    key = HPKE.decrypt(bytes.fromhex(vector["seal"]), private, seal_info(header))
    assert key.hex() == vector["key"]
    container = bytes.fromhex(vector["container"])
    assert hashlib.sha256(container).hexdigest() == vector["container_sha256"]
    decryptor = Cobblestone256Decryptor(key, context(header))
    plain = decryptor.update(container) + decryptor.finalize()
    assert plain.hex() == vector["plaintext"] and plain[:4] == b"HLS1"
    length = int.from_bytes(plain[4:8], "big")
    assert json.loads(plain[8 : 8 + length]) == vector["about"] and plain[8 + length :].hex() == vector["jpeg"]


def base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def receipt_fields(receipt):
    raw = lambda name: base64.urlsafe_b64decode(receipt[name] + "=")
    text = lambda name: str(receipt[name]).encode()
    return [text("organisation"), text("session"), text("object"), text("bytes"), raw("sha256"), text("origin"),
            text("sequence"), raw("entry_sha256"), text("stored_us")]


def receipts():
    private = session_key("receipts")
    for number, (size, sequence, stored) in enumerate([(413, 7, 1790000000000000), (32 * 1024 * 1024, 2**53 - 1, 1)]):
        receipt = {
            "v": 1,
            "organisation": identifier("org", "organisation"),
            "session": identifier("ses", "session"),
            "object": identifier("obj", f"snapshot {number}"),
            "bytes": size,
            "sha256": base64url(named_bytes(f"container {number}")),
            "origin": "handlens-0123456789/org/2026-11",
            "sequence": sequence,
            "entry_sha256": base64url(named_bytes(f"entry {number}")),
            "stored_us": stored,
        }
        encoded = encode("handlens/receipt/v1", receipt_fields(receipt))
        der = private.sign(encoded, ec.ECDSA(SHA256(), deterministic_signing=True))
        r, s = decode_dss_signature(der)
        raw = lambda s: r.to_bytes(32, "big") + s.to_bytes(32, "big")
        yield {
            "receipt": {**receipt, "signature": base64url(raw(s))},
            "domain": "handlens/receipt/v1",
            "fields": [field.hex() for field in receipt_fields(receipt)],
            "encoded": encoded.hex(),
            "private": scalar(private).hex(),
            "public": point(private.public_key()).hex(),
            "signature": raw(s).hex(),
            "other_s": raw(ORDER - s).hex(),
        }


def check_receipt(vector):
    check_signature({**vector, "der": der_of(vector["signature"])})
    assert [field.hex() for field in receipt_fields(vector["receipt"])] == vector["fields"]
    assert base64url(bytes.fromhex(vector["signature"])) == vector["receipt"]["signature"]


def person():
    return {kind: identifier(kind[:3], kind) for kind in ["organisation", "session", "participant"]}


def from_base64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def consent_fields(party, body):
    text = lambda value: str(value).encode()
    raw = lambda name: from_base64url(body[name])
    where = [text(party[name]) for name in ["organisation", "session", "participant"]]
    what = [text(body["purpose"]), text(body["decision"]), raw("wording_sha256"), text(body["language"])]
    return [*where, *what, raw("nonce"), text(body["expires_us"])]


def redeem_fields(body):
    secret = hashlib.sha256(from_base64url(body["secret"])).digest()
    return [secret, from_base64url(body["public_key"]), str(body["expires_us"]).encode()]


def statement_fields(vector):
    body = vector["body"]
    return consent_fields(vector["party"], body) if vector["what"] == "consent" else redeem_fields(body)


def unsigned_statements(private):
    """The bodies that a device sends, without their signature: every purpose, both decisions, a second device."""
    said = [("camera", "grant"), ("microphone", "grant"), ("snapshots", "grant"), ("recording", "grant"),
            ("camera", "revoke")]
    for number, (purpose, decision) in enumerate(said):
        wording = f"Sam will see this: {purpose}. Größer, 見える."
        yield {"what": "consent", "party": person(), "wording": wording, "domain": "handlens/consent/v1", "body": {
            "purpose": purpose,
            "decision": decision,
            "wording_sha256": base64url(hashlib.sha256(wording.encode()).digest()),
            "language": "en",
            "nonce": base64url(named_bytes(f"nonce {number}")[:16]),
            "expires_us": 1790000000000000 + number,
        }}
    for number, take_over in enumerate([False, True]):
        yield {"what": "redeem", "domain": "handlens/redeem/v1", "body": {
            "secret": base64url(named_bytes(f"link {number}")[:16]),
            "public_key": base64url(point(private.public_key())),
            "expires_us": 1790000000000000 + number,
            "device": "Chrome on Android",
            "take_over": take_over,
        }}


def statements():
    private = session_key("device")
    for vector in unsigned_statements(private):
        fields = statement_fields(vector)
        encoded = encode(vector["domain"], fields)
        der = private.sign(encoded, ec.ECDSA(SHA256(), deterministic_signing=True))
        r, s = decode_dss_signature(der)
        raw = lambda s: r.to_bytes(32, "big") + s.to_bytes(32, "big")
        yield {
            **vector,
            "body": {**vector["body"], "signature": base64url(raw(s))},
            "fields": [field.hex() for field in fields],
            "encoded": encoded.hex(),
            "private": scalar(private).hex(),
            "public": point(private.public_key()).hex(),
            "signature": raw(s).hex(),
            "other_s": raw(ORDER - s).hex(),
        }


def check_statement(vector):
    check_signature({**vector, "der": der_of(vector["signature"])})
    assert [field.hex() for field in statement_fields(vector)] == vector["fields"]
    assert from_base64url(vector["body"]["signature"]).hex() == vector["signature"]
    if vector["what"] == "consent":
        shown = hashlib.sha256(vector["wording"].encode()).digest()
        assert from_base64url(vector["body"]["wording_sha256"]) == shown
    else:
        assert from_base64url(vector["body"]["public_key"]).hex() == vector["public"]


def der_of(raw):
    return encode_dss_signature(int(raw[:64], 16), int(raw[64:], 16)).hex()


FILES = {
    "container": (containers, check_container),
    "wrap": (wraps, check_wrap),
    "derive": (derivations, check_derivation),
    "signature": (signatures, check_signature),
    "hpke": (seals, check_seal),
    "snapshot": (snapshots, check_snapshot),
    "receipt": (receipts, check_receipt),
    "statement": (statements, check_statement),
}


def main():
    for name, (make, check) in FILES.items():
        path = HERE / f"{name}.json"
        if "--write" in sys.argv[1:] and not path.exists():
            path.write_text(json.dumps({"vectors": list(make())}, indent=1, ensure_ascii=True) + "\n")
        vectors = json.loads(path.read_text())["vectors"]
        for vector in vectors:
            check(vector)
        print(f"{name}: {len(vectors)} checked")


main()
