#!/usr/bin/env python3
"""Writes and checks the golden vectors of `core/seal` without a line of ours: Python's `cryptography` does the work.

    python3 -m venv VENV && VENV/bin/pip install 'cryptography>=50'
    VENV/bin/python generate.py            check every vector that is there
    VENV/bin/python generate.py --write    write the files that are not there, then check

A file that exists is never written again: a vector says what was once on a disk or a wire. A new version of a format gets
a new file. Keys are printable and fixed; they protect nothing.
"""

import hashlib
import json
import pathlib
import sys

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
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


FILES = {
    "container": (containers, check_container),
    "wrap": (wraps, check_wrap),
    "derive": (derivations, check_derivation),
    "signature": (signatures, check_signature),
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
