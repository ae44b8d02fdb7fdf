#!/usr/bin/env python3
"""Writes and checks `device.json` without a line of ours in Rust, as `../seal/generate.py` does.

    VENV/bin/python generate.py            check what is there
    VENV/bin/python generate.py --write    write it if it is not there, then check
"""

import hashlib
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "seal"))
sys.dont_write_bytecode = True

from generate import base64url, named_bytes, point, scalar, session_key


def device():
    secret, private = named_bytes("link 0")[:16], session_key("device")
    link = hashlib.sha256(secret).digest()
    return {
        "link": f"https://help.example/join#{base64url(secret)}",
        "file": (link + scalar(private)).hex(),
        "link_sha256": link.hex(),
        "key": scalar(private).hex(),
        "public": point(private.public_key()).hex(),
    }


def main():
    path = HERE / "device.json"
    if "--write" in sys.argv[1:] and not path.exists():
        path.write_text(json.dumps(device(), indent=1) + "\n")
    assert json.loads(path.read_text()) == device()
    print("client: checked")


main()
