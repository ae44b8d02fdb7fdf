-- The device's own key, wrapped by the platform: `KeyVault`.
CREATE TABLE device (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  wrapped BLOB NOT NULL
) STRICT;

-- One kept object a row, in the order they were kept. In the clear: id, session, length, digest, header, wraps, the
-- session's receipt key. `device_wrap` and `seal` are NULL from the moment it is shredded until its chunks are gone.
CREATE TABLE object (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  object BLOB NOT NULL UNIQUE,
  session BLOB NOT NULL,
  header BLOB NOT NULL,
  bytes INTEGER NOT NULL,
  sha256 BLOB NOT NULL,
  receipt_key BLOB NOT NULL,
  device_wrap BLOB,
  seal BLOB,
  about BLOB NOT NULL,
  received INTEGER NOT NULL DEFAULT 0 CHECK (received IN (0, 1))
) STRICT;

-- The sealed bytes, cut into rows.
CREATE TABLE chunk (
  sequence INTEGER NOT NULL,
  number INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  PRIMARY KEY (sequence, number)
) STRICT, WITHOUT ROWID;

-- What lets this device send a session's objects after it has ended, sealed. Gone with the last object that waits.
CREATE TABLE pass (
  session BLOB PRIMARY KEY,
  sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;
