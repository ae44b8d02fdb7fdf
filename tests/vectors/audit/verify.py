#!/usr/bin/env python3
"""A second verifier of Handlens audit exports, after docs/audit-format.md. Python 3.9+, standard library only.

    verify.py FILE [--key VKEY]... [--since FILE]

Prints one line of JSON and exits with the code of section 7. It shares no code with the first verifier.
"""
import argparse, base64, collections, hashlib, hmac, json, re, sys

HEADER = b'{"format":"handlens-audit","version":1}'
MAX_LINE, MAX_ENTRY, MAX_DETAILS, MAX_INTEGER = 65536, 2048, 32768, 2**53 - 1
TOKEN = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.A)
ORIGIN = re.compile(r"(?=.{1,200}\Z)[A-Za-z0-9._:-]+(/[A-Za-z0-9._:-]+)*", re.A)
ACTIONS = set("""
origin.open origin.close server.start organisation.create admin.recover user.login user.login_refused user.logout
session.create session.list session.read session.end session.note session.freeze session.unfreeze log.read log.export
invite.create invite.revoke invite.redeem invite.redeem_refused invite.refuse invite.again
participant.arrive participant.admit participant.decline participant.leave consent.grant consent.revoke
realtime.lease realtime.lease_end mark.commit mark.undo mark.clear snapshot.request snapshot.receive snapshot.read
invite.open guest.feedback snapshot.decline
""".split())
ENTRY_KEYS = ("v origin sequence time_us previous actor action object outcome reason count request session details "
              "follows").split()
ENTRY_MUST = set("v origin sequence time_us previous actor action object outcome".split())
VERDICTS = {0: "verified", 3: "consistent", 4: "altered", 5: "forked", 6: "unreadable"}
FORKED = {"truncated", "forked", "log_missing", "not_linked"}
UNREADABLE = {"not_an_export", "version", "not_comparable"}


Since = collections.namedtuple("Since", "origin size root entry_sha256")


class Bad(Exception):
    """The first thing that is wrong: its cause, and a place if it is not the one that is being read."""


# --- Ed25519, RFC 8032 section 6, verification only ---
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add(a, b):
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = f - e, h - g, h + g, f + e
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(n, point):
    result = (0, 1, 1, 0)
    while n:
        if n & 1:
            result = add(result, point)
        point, n = add(point, point), n >> 1
    return result


def point_of(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


BASE = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def ed25519_verify(public, message, signature):
    a, r, s = point_of(public), point_of(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    left, right = times(s, BASE), add(r, times(k, a))
    return not ((left[0] * right[2] - right[0] * left[2]) % P or (left[1] * right[2] - right[1] * left[2]) % P)


# --- Section 2: the rules for values ---
def need(condition, cause):
    if not condition:
        raise Bad(cause)


def integer(value, least=0):
    return type(value) is int and least <= value <= MAX_INTEGER


def token(value):
    return isinstance(value, str) and TOKEN.fullmatch(value)


def origin(value):
    return isinstance(value, str) and ORIGIN.fullmatch(value)


def unbase64(value, length=None):
    """The bytes, or None if it is not strict base64 of that many bytes."""
    try:
        data = base64.b64decode(value, validate=True)
    except (ValueError, TypeError):
        return None
    good = base64.b64encode(data).decode() == value and length in (None, len(data))
    return data if good else None


def canonical(line, cause):
    """The object on the line, if the line is what would be written for it. Key order is the caller's to check."""
    try:
        value = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Bad(cause)
    need(isinstance(value, dict), cause)
    need(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode() == line, cause)
    return value


def keys_of(value, names):
    return isinstance(value, dict) and list(value) == names.split()


# --- Section 5: checkpoints, signatures, keys ---
def leaf(data):
    return hashlib.sha256(b"\0" + data).digest()


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def text_of(name, size, root):
    return f"{name}\n{size}\n{base64.b64encode(root).decode()}\n"


class Key:
    def __init__(self, vkey):
        self.name, key_id, encoded = vkey.strip().split("+", 2)
        blob = unbase64(encoded, 33)
        if not (origin(self.name) and blob and blob[0] == 1):
            raise ValueError("not a key")
        self.id, self.public = bytes.fromhex(key_id), blob[1:]
        if hashlib.sha256(self.name.encode() + b"\n" + blob).digest()[:4] != self.id:
            raise ValueError("not a key: the id does not fit")

    def verifies(self, text, blob):
        covers = text.startswith(self.name + "/")
        return covers and self.id == blob[:4] and ed25519_verify(self.public, text.encode(), blob[4:])


def check_signature(keys, text, blob):
    if keys:
        known = [key for key in keys if key.id == blob[:4]]
        need(known, "unknown_key")
        need(any(key.verifies(text, blob) for key in known), "signature")


def read_since(data, keys):
    """What is remembered: origin, size, and the root at that size or the SHA-256 of the entry that ends it."""
    need(len(data) <= MAX_LINE, "since")
    try:
        note = data.decode("utf-8")
        if note.lstrip().startswith("{"):
            held = json.loads(note)
            if not isinstance(held.get("checkpoint"), str):
                return read_receipt(held, keys)
            note = held["checkpoint"]
        text, signatures = note.split("\n\n", 1)
        name, size, root = text.split("\n")[:3]
        blobs = [unbase64(line.split(" ")[2]) for line in signatures.splitlines()]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        raise Bad("since")
    need(not keys or any(blob and key.verifies(text + "\n", blob) for key in keys for blob in blobs), "since")
    need(origin(name) and str(int(size)) == size and int(size) >= 1 and unbase64(root, 32), "since")
    return Since(name, int(size), unbase64(root, 32), None)


def read_receipt(receipt, keys):
    name, sequence, digest = receipt["origin"], receipt["sequence"], receipt["entry_sha256"]
    sha256 = base64.urlsafe_b64decode(digest + "=")
    need(base64.urlsafe_b64encode(sha256).decode() == digest + "=" and len(sha256) == 32, "since")
    need(type(receipt["v"]) is int and receipt["v"] == 1 and origin(name), "since")
    need(integer(sequence) and sequence < MAX_INTEGER, "since")
    need(not keys or any(name.startswith(key.name + "/") for key in keys), "since")
    return Since(name, sequence + 1, None, sha256)


# --- Section 4: entries ---
def read_entry(line):
    need(len(line) <= MAX_ENTRY, "entry")
    e = canonical(line, "entry")
    need(list(e) == [key for key in ENTRY_KEYS if key in e] and ENTRY_MUST <= set(e), "entry")
    a = e["actor"]
    good = [
        e["v"] == 1 and type(e["v"]) is int,
        origin(e["origin"]),
        integer(e["sequence"]),
        integer(e["time_us"]),
        unbase64(e["previous"], 32),
        (keys_of(a, "kind id role method") and a["kind"] in ("user", "guest") and all(map(token, a.values())))
        or (keys_of(a, "kind id") and a["kind"] == "system" and token(a["id"]))
        or a == {"kind": "stranger"},
        isinstance(e["action"], str) and e["action"] in ACTIONS,
        (e["action"] == "origin.open") == (e["sequence"] == 0),
        keys_of(e["object"], "kind id") and all(map(token, e["object"].values())),
        e["outcome"] in ("ok", "refused") and (e["outcome"] == "refused") == ("reason" in e),
        integer(e.get("count", 2), 2),
        all(token(e.get(key, "absent")) for key in ("reason", "request", "session")),
        unbase64(e["details"], 32) if "details" in e else True,
    ]
    if "follows" in e:
        f = e["follows"]
        good.append(e["sequence"] == 0 and keys_of(f, "origin size root") and origin(f["origin"]))
        good.append(good[-1] and integer(f["size"], 1) and unbase64(f["root"], 32))
    need(all(good), "entry")
    return e


# --- Section 6 ---
class Log:
    """The log that is being read."""

    def __init__(self, name, first, frontier):
        self.origin, self.first, self.size, self.frontier = name, first, first, frontier
        self.last = self.blob = None
        self.closed = False

    def root(self):
        result = self.frontier[-1]
        for left in reversed(self.frontier[:-1]):
            result = node(left, result)
        return result

    def push(self, line):
        entry = read_entry(line)
        if self.origin is None:
            self.origin = entry["origin"]
        if self.last is None:
            self.last = bytes(32) if self.first == 0 else unbase64(entry["previous"], 32)
        need(entry["origin"] == self.origin and entry["sequence"] == self.size, "entry")
        need(unbase64(entry["previous"], 32) == self.last and not self.closed, "entry")
        self.last = new = leaf(line)
        low = self.size
        while low & 1:
            new, low = node(self.frontier.pop(), new), low >> 1
        self.frontier.append(new)
        self.size += 1
        self.closed = entry["action"] == "origin.close"
        return entry


class Verifier:
    def __init__(self, keys, since):
        self.keys, self.since, self.met = keys, since, False
        self.expect, self.log, self.entry, self.before, self.entries = "header", None, None, None, 0

    def line(self, line):
        getattr(self, "read_" + self.expect)(line)

    def read_header(self, line):
        version = line.startswith(b'{"format":"handlens-audit","version":')
        need(line == HEADER, "version" if version else "not_an_export")
        self.expect = "opening"

    def read_opening(self, line):
        o = canonical(line, "line")
        if keys_of(o, "open") and o["open"] == 0 and type(o["open"]) is int:
            log = Log(None, 0, [])
        else:
            need(keys_of(o, "open origin frontier signature") and integer(o["open"], 1) and origin(o["origin"]), "line")
            need(isinstance(o["frontier"], list) and len(o["frontier"]) == bin(o["open"]).count("1"), "line")
            peaks, blob = [unbase64(peak, 32) for peak in o["frontier"]], unbase64(o["signature"], 68)
            need(all(peaks) and blob, "line")
            log = Log(o["origin"], o["open"], peaks)
            check_signature(self.keys, text_of(log.origin, log.size, log.root()), blob)
            need(self.before is None, "not_linked")
            if self.since and self.since.origin == log.origin:
                # The state at the very beginning is in the file, the entry before it is not.
                need(self.since.size >= log.first + bool(self.since.entry_sha256), "not_comparable")
            self.compare(log.origin, log.size, log.root())
        self.log, self.expect = log, "entry"

    def read_entry(self, line):
        if not line.startswith(b'{"v":') and b'"sequence":' not in line:
            return self.read_checkpoint(line)
        self.entry, self.expect = self.log.push(line), "proof"
        self.entry_sha256 = hashlib.sha256(line).digest()

    def read_proof(self, line):
        log, proof = self.log, canonical(line, "line")
        need(keys_of(proof, "signature") or keys_of(proof, "signature details key"), "line")
        log.blob = unbase64(proof["signature"], 68)
        need(log.blob, "line")
        details, key = unbase64(proof.get("details", "")), unbase64(proof.get("key", "A" * 43 + "="), 32)
        need(details is not None and key, "line")
        check_signature(self.keys, text_of(log.origin, log.size, log.root()), log.blob)
        if "key" in proof:
            mac = hmac.new(key, details, "sha256").digest()
            need(len(details) <= MAX_DETAILS and unbase64(self.entry.get("details"), 32) == mac, "details")
        if log.size == log.first + 1 and self.before:
            name, size, root = self.before
            follows = {"origin": name, "size": size, "root": base64.b64encode(root).decode()}
            need(self.entry.get("follows") == follows, "not_linked")
        if "follows" in self.entry:
            end = self.entry["follows"]
            self.ended(end["origin"], end["size"])
            self.compare(end["origin"], end["size"], unbase64(end["root"], 32))
        self.compare(log.origin, log.size, log.root(), self.entry_sha256)
        self.entries, self.expect = self.entries + 1, "entry"

    def read_checkpoint(self, line):
        log, place = self.log, {"place": "checkpoint"}
        try:
            held = canonical(line, "line")
            need(keys_of(held, "checkpoint") and isinstance(held["checkpoint"], str) and log.blob, "line")
            note, text = held["checkpoint"], text_of(log.origin, log.size, log.root())
            names = [key.name for key in self.keys if key.id == log.blob[:4]]
            found = re.match(r"\n\u2014 (\S+) ", note[len(text):])
            name = names[0] if names else found and found.group(1)
            need(name and origin(name), "checkpoint")
            need(note == f"{text}\n\u2014 {name} {base64.b64encode(log.blob).decode()}\n", "checkpoint")
            self.ended(log.origin, log.size)
        except Bad as bad:
            raise Bad(bad.args[0], place)
        self.before, self.log, self.expect = (log.origin, log.size, log.root()), None, "opening"

    def ended(self, name, size):
        if self.since and self.since.origin == name:
            need(size >= self.since.size, "truncated")

    def compare(self, name, size, root, entry_sha256=None):
        if self.since and (self.since.origin, self.since.size) == (name, size):
            held, now = (self.since.root, root) if self.since.root else (self.since.entry_sha256, entry_sha256)
            if now:
                need(held == now, "forked")
                self.met = True

    def finish(self, rest):
        need(self.expect != "header", "not_an_export")
        need(self.expect == "opening" and self.before and not rest, "unfinished")
        need(self.met or not self.since, "log_missing")

    def place(self):
        if self.expect in ("entry", "proof"):
            return {"place": "entry", "entry": self.log.size - (self.expect == "proof")}
        return {"place": self.expect}


def verify(file, keys, since):
    verifier, place = Verifier(keys, since), {}
    try:
        while True:
            line = file.readline(MAX_LINE + 1)
            if not line.endswith(b"\n"):
                place = {"place": "file"}
                if len(line) > MAX_LINE:
                    place = verifier.place()
                    raise Bad("line_too_long")
                verifier.finish(line)
                break
            place = verifier.place()
            verifier.line(line[:-1])
    except Bad as bad:
        cause = bad.args[0]
        place = bad.args[1] if len(bad.args) > 1 else place
        header = cause in UNREADABLE or place == {"place": "header"}
        code = 6 if header else 5 if cause in FORKED else 4
        return code, {"cause": cause, **place, "entries": verifier.entries}
    return (0 if keys else 3), {"entries": verifier.entries}


def main():
    arguments = argparse.ArgumentParser(description="Verifies a Handlens audit export.")
    arguments.add_argument("file")
    arguments.add_argument("--key", action="append", default=[])
    arguments.add_argument("--since")
    options = arguments.parse_args()
    try:
        keys = [Key(vkey) for vkey in options.key]
    except ValueError as error:
        arguments.error(str(error))
    try:
        since = read_since(open(options.since, "rb").read(MAX_LINE + 1), keys) if options.since else None
        with sys.stdin.buffer if options.file == "-" else open(options.file, "rb") as file:
            code, answer = verify(file, keys, since)
    except (OSError, Bad) as error:
        code, answer = 6, {"cause": str(error)}
    print(json.dumps({"verdict": VERDICTS[code], "exit": code, **answer}))
    return code


if __name__ == "__main__":
    sys.exit(main())
