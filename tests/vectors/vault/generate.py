#!/usr/bin/env python3
"""Opens `vault.db` and writes `device-key.json` without a line of ours in Rust, as `../seal/generate.py` does.

    VENV/bin/python generate.py            check what is there
    VENV/bin/python generate.py --write    write `device-key.json` where it is not there, then check
"""

import hashlib
import json
import pathlib
import sqlite3
import sys

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "seal"))
sys.dont_write_bytecode = True

from cryptography.cobblestone import Cobblestone256Decryptor
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
from generate import HPKE, context, derive, encode, named_bytes, point, seal_info


def header(organisation, session, object, purpose):
    return {"organisation": organisation, "session": session, "object": object, "purpose": purpose}


# What a file's key and the key store of the tests bind their wrap to.
BY_FILE = header("device", None, "device-key", "vault")
BY_TEST = header("device", None, "device-key", "test")


def wrap(kek, key, of):
    return aes_key_wrap(kek, key + hashlib.sha256(context(of)).digest())


def unwrap(kek, wrapped, of):
    inside = aes_key_unwrap(kek, wrapped)
    assert inside[32:] == hashlib.sha256(context(of)).digest()
    return inside[:32]


def opened(key, of, container):
    decryptor = Cobblestone256Decryptor(key, context(of))
    return decryptor.update(container) + decryptor.finalize()


def device_key():
    file, key = named_bytes("vault key file"), named_bytes("device key")
    return {"file": file.hex(), "key": key.hex(), "wrapped": wrap(file, key, BY_FILE).hex()}


def check_device_key(vector):
    file, wrapped = bytes.fromhex(vector["file"]), bytes.fromhex(vector["wrapped"])
    assert unwrap(file, wrapped, BY_FILE).hex() == vector["key"]
    # The negative control.
    try:
        aes_key_unwrap(file, bytes([wrapped[0] ^ 1]) + wrapped[1:])
    except InvalidUnwrap:
        return
    raise AssertionError("a changed wrap opened")


def check_vault(vector):
    database = sqlite3.connect(f"file:{HERE / 'vault.db'}?mode=ro&immutable=1", uri=True)
    assert database.execute("PRAGMA user_version").fetchone() == (1,)
    (wrapped,) = database.execute("SELECT wrapped FROM device").fetchone()
    device = unwrap(bytes.fromhex(vector["device_wrapping_key"]), wrapped, BY_TEST)
    wraps, rows = derive(device, "vault-wraps", b""), derive(device, "vault-rows", b"")

    columns = "object, session, header, bytes, sha256, receipt_key, device_wrap, seal, about, received"
    (*clear, about, received) = database.execute(f"SELECT {columns} FROM object").fetchone()
    object, session, packed, length, digest, receipt_key, device_wrap, seal = clear
    of = header(vector["organisation"], vector["session"], vector["object"], "snapshots")
    assert packed == context(of) and received == 0
    (container,) = database.execute("SELECT bytes FROM chunk").fetchone()
    assert len(container) == length and hashlib.sha256(container).digest() == digest

    scalar = lambda name: ec.derive_private_key(int(vector[name], 16), ec.SECP256R1())
    assert receipt_key == point(scalar("receipt_key").public_key())
    key = unwrap(wraps, device_wrap, of)
    assert HPKE.decrypt(seal, scalar("open_key"), seal_info(of)) == key
    assert opened(key, of, container).hex() == vector["plaintext"]

    fields = [object, session, packed, length.to_bytes(8, "big"), digest, receipt_key, device_wrap, seal]
    said = json.loads(opened(rows, {**of, "purpose": "vault-row"}, about))
    bound = list(hashlib.sha256(encode("handlens/vault-row@v1", fields)).digest())
    assert said == {"v": 1, "request": vector["request"], "kept_us": vector["kept_us"], "clear": bound}

    (sealed,) = database.execute("SELECT sealed FROM pass WHERE session = ?", [session]).fetchone()
    of = header("device", vector["session"], vector["session"], "vault-pass")
    assert opened(rows, of, sealed).decode() == vector["pass"]


def main():
    path = HERE / "device-key.json"
    if "--write" in sys.argv[1:] and not path.exists():
        path.write_text(json.dumps(device_key(), indent=1) + "\n")
    check_device_key(json.loads(path.read_text()))
    check_vault(json.loads((HERE / "vault.json").read_text()))
    print("vault: checked")


main()
