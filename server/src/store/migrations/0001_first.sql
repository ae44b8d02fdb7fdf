-- One schema for SQLite and PostgreSQL. Identifiers are their text form, times are µs since the Unix epoch.
-- What identifies a patient is only ever in a `sealed` column (docs of `keys`), never in a column of its own.

CREATE TABLE organisation (
  id         TEXT   NOT NULL PRIMARY KEY,
  name       TEXT   NOT NULL,
  phone      TEXT,                      -- the number patients can call
  key        BLOB   NOT NULL,           -- the organisation's key, wrapped by the root key
  created_us BIGINT NOT NULL
);

CREATE TABLE account (
  id           TEXT   NOT NULL PRIMARY KEY,
  organisation TEXT   NOT NULL REFERENCES organisation (id),
  email        TEXT   NOT NULL UNIQUE,  -- lower case
  name         TEXT   NOT NULL,
  role         TEXT   NOT NULL,
  state        TEXT   NOT NULL,         -- active | disabled
  password     TEXT   NOT NULL,         -- Argon2id, PHC string
  created_us   BIGINT NOT NULL
);

CREATE TABLE login (
  id         TEXT   NOT NULL PRIMARY KEY,
  token_hash BLOB   NOT NULL UNIQUE,
  account    TEXT   NOT NULL REFERENCES account (id),
  created_us BIGINT NOT NULL,
  expires_us BIGINT NOT NULL
);

CREATE TABLE session (
  id                 TEXT   NOT NULL PRIMARY KEY,
  organisation       TEXT   NOT NULL REFERENCES organisation (id),
  technician         TEXT   NOT NULL REFERENCES account (id),
  revision           BIGINT NOT NULL,
  sealed             BLOB   NOT NULL,   -- title, agenda, description, patient
  created_us         BIGINT NOT NULL,
  live_us            BIGINT,
  ended_us           BIGINT,
  end_reason         TEXT,
  frozen_participant TEXT,
  frozen_frame_us    BIGINT,
  frozen_since_us    BIGINT
);
CREATE INDEX session_by_age ON session (organisation, created_us);

CREATE TABLE invite (
  id          TEXT   NOT NULL PRIMARY KEY,
  session     TEXT   NOT NULL REFERENCES session (id),
  secret_hash BLOB   NOT NULL UNIQUE,
  words       TEXT   NOT NULL,
  created_us  BIGINT NOT NULL,
  expires_us  BIGINT NOT NULL,
  opened_us   BIGINT,
  redeemed_us BIGINT,
  revoked_us  BIGINT,
  again_us    BIGINT,
  participant TEXT                      -- who holds it now
);
CREATE INDEX invite_by_session ON invite (session, created_us);

CREATE TABLE participant (
  id          TEXT   NOT NULL PRIMARY KEY,
  session     TEXT   NOT NULL REFERENCES session (id),
  kind        TEXT   NOT NULL,          -- technician | guest
  account     TEXT   REFERENCES account (id),
  invite      TEXT   REFERENCES invite (id),
  replaces    TEXT   REFERENCES participant (id),
  name        TEXT   NOT NULL,          -- first name of staff, empty for a guest
  presence    TEXT   NOT NULL,
  device      TEXT   NOT NULL,
  public_key  BLOB,
  arrived_us  BIGINT NOT NULL,
  admitted_us BIGINT,
  helped      BIGINT                    -- what a guest said afterwards: 1 it helped, 0 it did not
);
CREATE INDEX participant_by_session ON participant (session, arrived_us);

CREATE TABLE guest_login (
  id          TEXT   NOT NULL PRIMARY KEY,
  token_hash  BLOB   NOT NULL UNIQUE,
  participant TEXT   NOT NULL REFERENCES participant (id),
  created_us  BIGINT NOT NULL,
  expires_us  BIGINT NOT NULL
);

CREATE TABLE consent (
  participant    TEXT   NOT NULL REFERENCES participant (id),
  nonce          BLOB   NOT NULL,
  purpose        TEXT   NOT NULL,
  decision       TEXT   NOT NULL,
  wording_sha256 BLOB   NOT NULL,
  language       TEXT   NOT NULL,
  expires_us     BIGINT NOT NULL,
  signature      BLOB   NOT NULL,
  at_us          BIGINT NOT NULL,
  in_force       BIGINT NOT NULL,       -- 1: the newest grant of its purpose, not withdrawn; 2: it was, until they left
  PRIMARY KEY (participant, nonce)
);

CREATE TABLE note (
  session  TEXT   NOT NULL PRIMARY KEY REFERENCES session (id),
  revision BIGINT NOT NULL,
  sealed   BLOB   NOT NULL,
  at_us    BIGINT NOT NULL
);

CREATE TABLE mark (
  id            TEXT   NOT NULL PRIMARY KEY,
  session       TEXT   NOT NULL REFERENCES session (id),
  author        TEXT   NOT NULL REFERENCES participant (id),
  camera        TEXT   NOT NULL REFERENCES participant (id),
  committed_us  BIGINT NOT NULL,
  revision      BIGINT NOT NULL,        -- the session's, by this commit: the order of its marks
  gone_us       BIGINT,                 -- undone or cleared; kept for the record
  gone_revision BIGINT,                 -- the session's, by that
  sealed        BLOB   NOT NULL         -- the mark whole
);
CREATE INDEX mark_by_session ON mark (session, revision);

-- What devices seal to a session: the public half is given out, the private half opens.
CREATE TABLE session_key (
  session TEXT NOT NULL PRIMARY KEY REFERENCES session (id),
  public  BLOB NOT NULL,                -- P-256, uncompressed SEC1
  sealed  BLOB NOT NULL                 -- the private key
);

-- The photo a guest is asked for; no row when there is none.
CREATE TABLE photo_request (
  session     TEXT   NOT NULL PRIMARY KEY REFERENCES session (id),
  id          TEXT   NOT NULL,
  participant TEXT   NOT NULL REFERENCES participant (id),
  at_us       BIGINT NOT NULL
);

-- Snapshots from their announcement on. The sealed picture itself is a file (docs of `blob`).
CREATE TABLE snapshot (
  id           TEXT   NOT NULL PRIMARY KEY,
  session      TEXT   NOT NULL REFERENCES session (id),
  participant  TEXT   NOT NULL REFERENCES participant (id),
  request      TEXT,
  bytes        BIGINT NOT NULL,         -- of the sealed picture
  sha256       BLOB   NOT NULL,         -- of the sealed picture
  head         BLOB   NOT NULL,         -- its key, wrapped
  received     BIGINT NOT NULL,         -- bytes that are on the disk for good
  announced_us BIGINT NOT NULL,
  stored_us    BIGINT,
  origin       TEXT,                    -- its entry in the log, with stored_us
  sequence     BIGINT,
  entry_sha256 BLOB
);
CREATE INDEX snapshot_by_session ON snapshot (session, announced_us);
CREATE INDEX snapshot_by_participant ON snapshot (participant);

-- The audit log. `bytes` is the canonical entry; `signature` comes a moment after the commit.
CREATE TABLE log_entry (
  origin    TEXT   NOT NULL,
  sequence  BIGINT NOT NULL,
  session   TEXT,
  bytes     BLOB   NOT NULL,
  signature BLOB,
  sealed    BLOB,                       -- details and the key of their commitment
  PRIMARY KEY (origin, sequence)
);
CREATE INDEX log_by_session ON log_entry (session, origin, sequence);
CREATE INDEX log_unsigned ON log_entry (origin, sequence) WHERE signature IS NULL;

CREATE TABLE log_head (
  organisation TEXT   NOT NULL,
  origin       TEXT   NOT NULL PRIMARY KEY,
  opened_us    BIGINT NOT NULL,
  head         BLOB   NOT NULL          -- size, last hash and frontier
);
