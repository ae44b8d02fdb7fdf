#!/usr/bin/env python3
"""Writes and checks `head.json`: the head of each log in some exports, after RFC 6962, section 2.1.

    head.py            check what is there
    head.py --write    write it if it is not there, then check

Python 3.9+, standard library only.
"""
import hashlib, json, pathlib, sys

HERE = pathlib.Path(__file__).parent


def sha256(data):
    return hashlib.sha256(data).digest()


def tree(leaves):
    """The Merkle tree hash of a power of two of leaves."""
    if len(leaves) == 1:
        return sha256(b"\0" + leaves[0])
    half = len(leaves) // 2
    return sha256(b"\1" + tree(leaves[:half]) + tree(leaves[half:]))


def frontier(leaves):
    """Size, u64 big-endian; then the roots of its perfect subtrees, largest first."""
    out, rest = len(leaves).to_bytes(8, "big"), leaves
    for bit in reversed(range(len(leaves).bit_length())):
        if len(leaves) >> bit & 1:
            out, rest = out + tree(rest[: 1 << bit]), rest[1 << bit :]
    return out


def head(origin, entries):
    """Version, closed, hash of the last entry, length of the origin, origin, frontier."""
    closed = bool(entries) and json.loads(entries[-1])["action"] == "origin.close"
    last = sha256(b"\0" + entries[-1]) if entries else bytes(32)
    return bytes([1, closed]) + last + bytes([len(origin)]) + origin.encode() + frontier(entries)


def logs(export):
    """The entries of each log of an export, by its origin."""
    found = {}
    for line in (HERE / "v1" / export).read_bytes().splitlines():
        if line.startswith(b'{"v":1,'):
            found.setdefault(json.loads(line)["origin"], []).append(line)
    return found


def vectors():
    empty = "help.example/org_0c1ty/2026-11"
    yield {"export": None, "origin": empty, "head": head(empty, []).hex()}
    for export in ["thirty.ndjson", "months.ndjson"]:
        for origin, entries in logs(export).items():
            yield {"export": export, "origin": origin, "head": head(origin, entries).hex()}


def main():
    path = HERE / "head.json"
    if "--write" in sys.argv[1:] and not path.exists():
        path.write_text(json.dumps({"vectors": list(vectors())}, indent=1) + "\n")
    there = json.loads(path.read_text())["vectors"]
    assert there == list(vectors())
    # The negative control: with one byte of an entry changed it is another head.
    (origin, entries), *_ = logs("thirty.ndjson").items()
    changed = [entries[0].replace(b"server", b"sErver"), *entries[1:]]
    assert changed != entries and head(origin, changed).hex() != there[1]["head"]
    print(f"head: {len(there)} checked")


main()
