#!/usr/bin/env python3
"""Writes and checks `keys.json` and `log-key.json` without a line of ours in Rust, as `../seal/generate.py` does.

    VENV/bin/python generate.py            check what is there
    VENV/bin/python generate.py --write    write what is not there, then check
"""

import base64
import hashlib
import hmac
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "seal"))
sys.dont_write_bytecode = True

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from generate import abouts, context, derive, identifier, named_bytes, point, scalar, session_key

ORGANISATION, SESSION = identifier("org", "organisation"), identifier("ses", "session")
ROOT, OTHER_ROOT, KEY = named_bytes("root"), named_bytes("other root"), named_bytes("organisation key")


def header(object, purpose, session=None):
    return {"organisation": ORGANISATION, "session": session, "object": object, "purpose": purpose}


def head(kek, named, key, of):
    """Version, name of the key, wrap: 81 bytes. An organisation's key names itself and wraps with the purpose's."""
    return b"\1" + derive(named, "key-id", b"")[:8] + aes_key_wrap(kek, key + hashlib.sha256(context(of)).digest())


def organisation_head(root):
    return head(root, root, KEY, header("organisation-key", "organisation-key"))


def purpose_key(purpose):
    return derive(KEY, "purpose-key", purpose.encode())


def plaintexts():
    """What, purpose, object, session, bytes. JSON has its fields in the order of the server."""
    compact = lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    fields = {"title": "Dialysis pump", "agenda": "Größer, 見える", "description": "", "patient_name": "Ada Example",
              "patient_phone": "+43 660 1234567", "patient_email": "ada@example.org"}
    mark = abouts()[1]["marks"][0]["mark"]
    private = session_key("session")
    yield "session", "sessions", SESSION, SESSION, compact(fields)
    yield "note", "notes", SESSION, SESSION, "Größer, 見える.\n".encode()
    yield "mark", "marks", mark["id"], SESSION, compact(mark)
    yield "session_key", "session-keys", SESSION, SESSION, scalar(private)
    yield "details", "audit-details", "2026-11.7", None, named_bytes("details key") + compact({"patient": "Ada"})
    yield "snapshot", "snapshots", identifier("obj", "snapshot"), SESSION, b"HLS1"


def sealed():
    for what, purpose, object, session, plain in plaintexts():
        of, key = header(object, purpose, session), named_bytes(f"key of the {what}")
        encryptor = Cobblestone256Encryptor(key, context(of))
        yield {
            "what": what,
            "object": object,
            "session": session,
            "purpose": purpose,
            "key": key.hex(),
            "plaintext": plain.hex(),
            "head": head(purpose_key(purpose), KEY, key, of).hex(),
            "container": (encryptor.update(plain) + encryptor.finalize()).hex(),
        }


def keys():
    receipts = ec.derive_private_key(int.from_bytes(derive(KEY, "receipt-key", b"\0"), "big"), ec.SECP256R1())
    details = next(plain for what, *_, plain in plaintexts() if what == "details")
    return {
        "root": {"file": ROOT.hex() + "\n", "organisation": organisation_head(ROOT).hex()},
        "other_root": {"file": OTHER_ROOT.hex() + "\n", "organisation": organisation_head(OTHER_ROOT).hex()},
        "organisation": ORGANISATION,
        "receipt_key": point(receipts.public_key()).hex(),
        "seal_key": point(session_key("session").public_key()).hex(),
        "commitment": hmac.new(details[:32], details[32:], "sha256").hexdigest(),
        "sealed": list(sealed()),
    }


def check_keys(vector):
    # The receipt key, the seal key and the commitment are no choice of ours; of what is sealed only the salt was.
    again = keys()
    for ours, there in zip(again.pop("sealed"), vector["sealed"], strict=True):
        container, key = bytes.fromhex(there["container"]), bytes.fromhex(there["key"])
        of = header(there["object"], there["purpose"], there["session"])
        assert {**ours, "container": None} == {**there, "container": None}
        decryptor = Cobblestone256Decryptor(key, context(of))
        assert (decryptor.update(container) + decryptor.finalize()).hex() == there["plaintext"]
        wrapped = bytes.fromhex(there["head"])[9:]
        assert aes_key_unwrap(purpose_key(there["purpose"]), wrapped)[:32] == key
    assert again == {name: value for name, value in vector.items() if name != "sealed"}


def log_key():
    """Two lines; then what they make: C2SP signed-note's verifier key, and the signature of a checkpoint."""
    name, seed = "handlens-golden77", named_bytes("log key")
    private = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    public = b"\1" + private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    key_id = hashlib.sha256(name.encode() + b"\n" + public).digest()[:4]
    origin, root = f"{name}/{ORGANISATION}/2026-11", hashlib.sha256(b"").digest()
    text = f"{origin}\n0\n{base64.b64encode(root).decode()}\n"
    return {
        "file": f"{name}\n{seed.hex()}\n",
        "name": name,
        "vkey": f"{name}+{key_id.hex()}+{base64.b64encode(public).decode()}",
        "origin": origin,
        "signature": base64.b64encode(key_id + private.sign(text.encode())).decode(),
    }


def main():
    for name, make in {"keys": keys, "log-key": log_key}.items():
        path = HERE / f"{name}.json"
        if "--write" in sys.argv[1:] and not path.exists():
            path.write_text(json.dumps(make(), indent=1) + "\n")
    check_keys(json.loads((HERE / "keys.json").read_text()))
    assert json.loads((HERE / "log-key.json").read_text()) == log_key()
    print("server: checked")


main()
