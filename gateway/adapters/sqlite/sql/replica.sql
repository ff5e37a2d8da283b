-- replica.db: the policy, in the form in which gatehoused decides by it.
--
-- PRAGMA application_id is 0x47485250 ("GHRP"), PRAGMA user_version is the
-- version of this layout. A change to anything here needs a new user_version.
-- Each page has a sum in 8 reserved bytes at its end (page_sum.h).
--
-- Every table is WITHOUT ROWID and sorted by its key, so that a whole policy is
-- copied in by running through two sorted tables, whatever its size.
-- An instant is in seconds since 1970-01-01T00:00:00Z; NULL = unbounded.
-- A flag is 0 or 1. An id that is absent is ''.
--
-- Numbers in place of words (they never change their meaning):
--   kind of row   0 site 1 door 2 reader 3 door_group 4 group 5 person
--                 6 credential 7 schedule 8 entitlement 9 holiday 10 access_rules
--                 11 geofence 12 door_mode 13 lockdown 14 area 15 interlock
--   credential type (also the bit number in reader.accepts)
--                 0 card 1 uhf 2 pin 3 plate 4 qr 5 face 6 fingerprint 7 mobile
--   entitlement kind
--                 0 role 1 access_group 2 grant 3 reservation 4 temp_key 5 delivery
--   class of a credential
--                 0 personal 1 visitor 2 delivery 3 admin
--   holiday rule  0 ignore 1 intersect 2 replace
--   dialect       0 native 1 doorflow-guide 2 doorflow-api 3 akuvox
--                 4 performance-hub 5 onvif
--   relock        0 on_close 1 on_open 2 timer
--   maintenance   0 normal 1 force_open 2 force_closed
--   factors       0 single 1 card_and_pin 2 two_person
--   rex           0 release 1 shunt 2 off
--   level         0 site 1 door_group 2 door
--   tier          0 quick 1 one_time 2 routine
--   mode          0 unlocked 1 first_credential 2 locked 3 locked_down
--   antipassback  0 off 1 log 2 deny
--   place_kind    0 all doors (place '') 1 door 2 door group
--
-- A list of texts is one text: the elements with 0x1f between them; '' = none. A
-- list of types is the types with 0x1e between them, each its name and then, if
-- there are any, its statuses, with 0x1f before each. Floors are a list of texts;
-- one that is a number has a # before it.
--
-- sealed: 48 bytes, a nonce of 16 and then a SHA-256 hash, XORed with
-- HMAC-SHA-256(mask key, nonce). The key is not in this file. The line of a
-- credential holds its value in clear and a PIN has few digits: from a plain
-- hash of the line, of its bucket or of everything the PIN could be guessed.
--
-- The very same statements make the tables of the staging file replica.db-next.
-- name: replica_tables
-- One entry for every row of the policy: the hash of its line. bucket = first
-- 12 bits of SHA-256(kind as a word, newline, id).
CREATE TABLE row (
    bucket INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    id TEXT NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (bucket, kind, id)
) STRICT, WITHOUT ROWID;
-- Number of rows and hash of each bucket; a bucket without rows may be absent.
CREATE TABLE bucket (
    n INTEGER NOT NULL PRIMARY KEY,
    rows INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE site (
    id TEXT NOT NULL PRIMARY KEY,
    tz TEXT NOT NULL,
    dialect INTEGER NOT NULL,
    commit_taken INTEGER NOT NULL,
    admin_in_lockdown INTEGER NOT NULL,
    read_max_age_s INTEGER NOT NULL,
    factor_timeout_s INTEGER NOT NULL,
    duress INTEGER NOT NULL,
    pin_failures INTEGER NOT NULL,
    pin_window_s INTEGER NOT NULL,
    pin_lock_s INTEGER NOT NULL,
    -- Seconds that the policy may be old, by class; -1 = any.
    max_age_personal INTEGER NOT NULL,
    max_age_visitor INTEGER NOT NULL,
    max_age_delivery INTEGER NOT NULL,
    max_age_admin INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE door (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    tz TEXT NOT NULL,
    release_s INTEGER NOT NULL,
    extended_release_s INTEGER NOT NULL,
    licensed INTEGER NOT NULL,
    license_until INTEGER,
    held_open_s INTEGER NOT NULL,
    pre_alarm_s INTEGER NOT NULL,
    relock INTEGER NOT NULL,
    maintenance INTEGER NOT NULL,
    factors INTEGER NOT NULL,
    factor_schedule TEXT NOT NULL,
    rex INTEGER NOT NULL,
    rex_in_lockdown INTEGER NOT NULL,
    fire_release INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE reader (
    id TEXT NOT NULL PRIMARY KEY,
    door TEXT NOT NULL,
    accepts INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE door_group_door (
    door TEXT NOT NULL,
    door_group TEXT NOT NULL,
    PRIMARY KEY (door, door_group)
) STRICT, WITHOUT ROWID;
CREATE INDEX door_group_door_by_group ON door_group_door (door_group);
-- Groups that can grant: an inert one is not here, so a reference to it matches
-- nothing.
CREATE TABLE grp (
    id TEXT NOT NULL PRIMARY KEY,
    antipassback_exempt INTEGER NOT NULL,
    floors TEXT NOT NULL
) STRICT, WITHOUT ROWID;
-- enabled is 0 also for an inert person.
CREATE TABLE person (
    id TEXT NOT NULL PRIMARY KEY,
    enabled INTEGER NOT NULL,
    valid_from INTEGER,
    valid_until INTEGER,
    extended_release INTEGER NOT NULL,
    lockdown_bypass INTEGER NOT NULL,
    first_credential INTEGER NOT NULL,
    antipassback_exempt INTEGER NOT NULL,
    type TEXT NOT NULL,
    status TEXT NOT NULL,
    tags TEXT NOT NULL,
    floors TEXT NOT NULL
) STRICT, WITHOUT ROWID;
-- n is the place in the person's list: a group may be there twice, with
-- different dates.
CREATE TABLE membership (
    person TEXT NOT NULL,
    n INTEGER NOT NULL,
    grp TEXT NOT NULL,
    valid_from INTEGER,
    valid_until INTEGER,
    PRIMARY KEY (person, n)
) STRICT, WITHOUT ROWID;
-- value_hash is HMAC-SHA-256 of type and value under a device key; the value is
-- nowhere. bits 0 = not given. enabled is 0 also for an inert credential.
CREATE TABLE credential (
    id TEXT NOT NULL PRIMARY KEY,
    person TEXT NOT NULL,
    type INTEGER NOT NULL,
    value_hash BLOB NOT NULL,
    bits INTEGER NOT NULL,
    enabled INTEGER NOT NULL,
    disabled_reason TEXT NOT NULL,
    valid_from INTEGER,
    valid_until INTEGER,
    class INTEGER NOT NULL,
    -- -1 = any number
    uses_per_door INTEGER NOT NULL,
    uses_total INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- windows: 5 bytes each: days (bit 0 = Monday), then start and end in minutes
-- of the day, 16 bits each, low byte first.
CREATE TABLE schedule (
    id TEXT NOT NULL PRIMARY KEY,
    windows BLOB NOT NULL
) STRICT, WITHOUT ROWID;
-- enabled is 0 also for an inert entitlement. schedule '' = always.
CREATE TABLE entitlement (
    id TEXT NOT NULL PRIMARY KEY,
    kind INTEGER NOT NULL,
    enabled INTEGER NOT NULL,
    schedule TEXT NOT NULL,
    valid_from INTEGER,
    valid_until INTEGER,
    holiday INTEGER NOT NULL,
    calendar TEXT NOT NULL,
    floors TEXT NOT NULL
) STRICT, WITHOUT ROWID;
-- Dates as days since 1970-01-01, inclusive. working: 4 bytes each: start and
-- end in minutes of the day, 16 bits each, low byte first.
CREATE TABLE holiday (
    id TEXT NOT NULL PRIMARY KEY,
    calendar TEXT NOT NULL,
    from_day INTEGER NOT NULL,
    to_day INTEGER NOT NULL,
    yearly INTEGER NOT NULL,
    working BLOB NOT NULL
) STRICT, WITHOUT ROWID;
-- name: replica_entitlement_tables
-- subject_kind: 0 everyone (subject '') 1 person 2 credential 3 group 4 tag
-- 5 type with any status 6 type, 0x1f, status.
CREATE TABLE entitlement_who (
    subject_kind INTEGER NOT NULL,
    subject TEXT NOT NULL,
    entitlement TEXT NOT NULL,
    PRIMARY KEY (subject_kind, subject, entitlement)
) STRICT, WITHOUT ROWID;
CREATE INDEX entitlement_who_by_entitlement ON entitlement_who (entitlement);
CREATE TABLE entitlement_where (
    place_kind INTEGER NOT NULL,
    place TEXT NOT NULL,
    entitlement TEXT NOT NULL,
    PRIMARY KEY (place_kind, place, entitlement)
) STRICT, WITHOUT ROWID;
CREATE INDEX entitlement_where_by_entitlement ON entitlement_where (entitlement);
-- name: replica_rule_tables
-- An inert row has no types and no tags. hours '' = always. target '' for the site.
CREATE TABLE access_rules (
    id TEXT NOT NULL PRIMARY KEY,
    level INTEGER NOT NULL,
    target TEXT NOT NULL,
    priority INTEGER NOT NULL,
    hours TEXT NOT NULL,
    block INTEGER NOT NULL,
    types TEXT NOT NULL,
    tags TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX access_rules_by_target ON access_rules (level, target);
-- lat and lon are both NULL where there is no centre.
CREATE TABLE geofence (
    id TEXT NOT NULL PRIMARY KEY,
    level INTEGER NOT NULL,
    target TEXT NOT NULL,
    priority INTEGER NOT NULL,
    enabled INTEGER NOT NULL,
    lat REAL,
    lon REAL,
    radius_m REAL NOT NULL,
    buffer_m REAL NOT NULL,
    max_accuracy_m REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX geofence_by_target ON geofence (level, target);
-- fingerprint: the first 8 bytes of the SHA-256 of the row's line, as a number,
-- the highest byte first: it tells whether the row was changed.
CREATE TABLE door_mode (
    id TEXT NOT NULL PRIMARY KEY,
    tier INTEGER NOT NULL,
    mode INTEGER NOT NULL,
    schedule TEXT NOT NULL,
    valid_from INTEGER,
    valid_until INTEGER,
    allow_manual_end INTEGER NOT NULL,
    at INTEGER,
    fingerprint INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE door_mode_where (
    place_kind INTEGER NOT NULL,
    place TEXT NOT NULL,
    door_mode TEXT NOT NULL,
    PRIMARY KEY (place_kind, place, door_mode)
) STRICT, WITHOUT ROWID;
CREATE INDEX door_mode_where_by_row ON door_mode_where (door_mode);
CREATE TABLE lockdown_where (
    place_kind INTEGER NOT NULL,
    place TEXT NOT NULL,
    lockdown TEXT NOT NULL,
    PRIMARY KEY (place_kind, place, lockdown)
) STRICT, WITHOUT ROWID;
CREATE INDEX lockdown_where_by_row ON lockdown_where (lockdown);
-- reset_min: minutes after midnight, -1 = never. max_occupancy: -1 = any.
CREATE TABLE area (
    id TEXT NOT NULL PRIMARY KEY,
    antipassback INTEGER NOT NULL,
    timeout_s INTEGER NOT NULL,
    schedule TEXT NOT NULL,
    reset_min INTEGER NOT NULL,
    max_occupancy INTEGER NOT NULL,
    exit_without_entry_violates INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE area_reader (
    reader TEXT NOT NULL,
    area TEXT NOT NULL,
    is_exit INTEGER NOT NULL,
    PRIMARY KEY (reader, area, is_exit)
) STRICT, WITHOUT ROWID;
CREATE INDEX area_reader_by_area ON area_reader (area);
CREATE TABLE interlock_door (
    door TEXT NOT NULL,
    interlock TEXT NOT NULL,
    PRIMARY KEY (door, interlock)
) STRICT, WITHOUT ROWID;
CREATE INDEX interlock_door_by_row ON interlock_door (interlock);

-- What only replica.db has.
-- name: replica_main_tables
-- (type, value) is unique in a site; and the way from a read to its credential.
CREATE TABLE credential_value (
    value_hash BLOB NOT NULL,
    type INTEGER NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (value_hash, type)
) STRICT, WITHOUT ROWID;
-- The deny lane: the row counts as not enabled until a policy of this rev or a
-- later one is applied.
CREATE TABLE deny (
    kind INTEGER NOT NULL,
    id TEXT NOT NULL,
    rev INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
-- The last checkpoint applied; one row. issued_at is NULL before the first.
-- digest is sealed; cursor is opaque; key_check is 32 zero bytes, sealed: it
-- shows whether the mask key is the one that this file was made with.
CREATE TABLE meta (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    epoch INTEGER NOT NULL,
    rev INTEGER NOT NULL,
    issued_at INTEGER,
    schema INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    digest BLOB NOT NULL,
    cursor BLOB NOT NULL,
    key_check BLOB NOT NULL
) STRICT, WITHOUT ROWID;
PRAGMA application_id = 1195922000;
PRAGMA user_version = 4;

-- What only the staging file has.
-- name: replica_stage_tables
-- Here a value may be there twice for a while: rows come in any order, and only
-- what they add up to counts.
CREATE TABLE credential_value (
    value_hash BLOB NOT NULL,
    type INTEGER NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (value_hash, type, id)
) STRICT, WITHOUT ROWID;
-- Every (kind, id) that was put or removed.
CREATE TABLE touched (
    kind INTEGER NOT NULL,
    id TEXT NOT NULL,
    bucket INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;

-- Layout and digest.
-- name: replica_meta_insert
INSERT INTO meta (one, epoch, rev, issued_at, schema, rows, digest, cursor, key_check)
VALUES (1, 0, 0, NULL, 0, 0, ?1, x'', ?2);
-- name: replica_meta_get
SELECT epoch, rev, issued_at, schema, rows, digest, cursor, key_check FROM main.meta;
-- name: replica_meta_set
UPDATE main.meta SET epoch = ?1, rev = ?2, issued_at = ?3, schema = ?4, rows = ?5, digest = ?6,
    cursor = ?7;
-- name: replica_deny_put
INSERT INTO main.deny (kind, id, rev) VALUES (?1, ?2, ?3)
ON CONFLICT (kind, id) DO UPDATE SET rev = max(rev, excluded.rev);
-- name: replica_deny_count
SELECT count(*) FROM main.deny;
-- name: replica_deny_pass
DELETE FROM main.deny WHERE rev <= ?1;

-- name: replica_bucket_rows
SELECT sealed FROM main.row WHERE bucket = ?1;
-- name: replica_bucket_put
INSERT INTO main.bucket (n, rows, sealed) VALUES (?1, ?2, ?3)
ON CONFLICT (n) DO UPDATE SET rows = excluded.rows, sealed = excluded.sealed;
-- name: replica_bucket_all
SELECT n, rows, sealed FROM main.bucket;
