-- The journal: what happened, in order, until the cap needs its room.
--
-- An SQLite 3 database in WAL mode; application_id 0x47484a4c ("GHJL"),
-- user_version 3. gatehoused writes it, nobody else. The newest events may be
-- in journal.tail only (tail.h says how to read it). A file without the -wal
-- file beside it is not complete. Each page has a sum in 8 reserved bytes at its
-- end (page_sum.h). Version 2 is the same without them: a copy that has them takes
-- its place at a start, once there is room for it. Version 1 lacks kept and
-- kept_number as well; without that room it gets them in the first transaction.
--
-- meta: one row.
--   stream      32 lower-case hex digits, made at random with the file
--   acked_seq   the cloud has every event up to here; 0 = none
--   lost_total  events that went before the cloud had them
--   kept_number number of the newest record that is here (tail.h); 0 = none. What older
--               versions left is that of the newest without an event
-- event: seq from 1, body the event as JSON in UTF-8, as it was recorded.
--   Numbers that are missing between two events are in lost.
-- lost: ranges of numbers, ends included, whose events are gone without the
--   cloud having had them: pushed out by the cap, or never stored because disk
--   and memory were full. told = 1 once an event says so; a range may contain
--   a smaller one that was told before. Ranges that the cloud has passed go.
-- repeat: the first decision on each read of the last ten minutes at least.
--   decision and reason are words of the decision contract; door is '' if the
--   reader is unknown; at_ms is monotonic time of the boot that `boot` tells
--   apart from others; release_ms 0 = not released; answered 1 = the reader
--   has its answer; stored_ms is when the row came here, same clock as at_ms.
-- kept: what decisions keep (core/changes.h), as of the newest event here. Keys
--   and values are bytes whose meaning is their writer's. The empty key is ours: where the
--   events begin since the cap took some away, and by whose hand: u64 the first number,
--   little-endian, and 32 bytes, which seal "gatehouse-journal-first\n" stream "\n" number.

-- name: journal_schema
CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    stream TEXT NOT NULL CHECK (length(stream) = 32),
    acked_seq INTEGER NOT NULL CHECK (acked_seq >= 0),
    lost_total INTEGER NOT NULL CHECK (lost_total >= 0),
    kept_number INTEGER NOT NULL DEFAULT 0 CHECK (kept_number >= 0)
) STRICT;
CREATE TABLE event (
    seq INTEGER PRIMARY KEY CHECK (seq > 0),
    body BLOB NOT NULL
) STRICT;
CREATE TABLE lost (
    from_seq INTEGER PRIMARY KEY CHECK (from_seq > 0),
    to_seq INTEGER NOT NULL CHECK (to_seq >= from_seq),
    told INTEGER NOT NULL CHECK (told IN (0, 1))
) STRICT;
CREATE TABLE repeat (
    reader TEXT NOT NULL,
    read_id TEXT NOT NULL,
    door TEXT NOT NULL,
    decision TEXT NOT NULL,
    reason TEXT NOT NULL,
    boot INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    release_ms INTEGER NOT NULL,
    answered INTEGER NOT NULL CHECK (answered IN (0, 1)),
    stored_ms INTEGER NOT NULL,
    PRIMARY KEY (reader, read_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX repeat_age ON repeat (boot, stored_ms);
CREATE TABLE kept (
    key BLOB PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
PRAGMA application_id = 1195919948;
PRAGMA user_version = 3;

-- name: journal_upgrade_1
ALTER TABLE meta ADD COLUMN kept_number INTEGER NOT NULL DEFAULT 0 CHECK (kept_number >= 0);
CREATE TABLE kept (
    key BLOB PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
PRAGMA user_version = 2;
-- name: journal_upgrade_2
PRAGMA user_version = 3;
-- name: journal_copy
VACUUM INTO ?1;

-- name: journal_meta_insert
INSERT INTO meta (id, stream, acked_seq, lost_total) VALUES (1, ?1, 0, 0);

-- name: journal_tables
SELECT count(*) FROM sqlite_schema;

-- name: journal_meta
SELECT stream, acked_seq, lost_total FROM meta WHERE id = 1;

-- name: journal_meta_update
UPDATE meta SET acked_seq = ?1, lost_total = ?2 WHERE id = 1;

-- name: journal_bounds
SELECT (SELECT min(seq) FROM event), (SELECT max(seq) FROM event),
       (SELECT max(to_seq) FROM lost);

-- name: journal_newest
SELECT seq, body FROM event ORDER BY seq DESC LIMIT 1;

-- name: journal_event_insert
INSERT INTO event (seq, body) VALUES (?1, ?2);

-- name: journal_event_range
SELECT (SELECT min(seq) FROM event WHERE seq >= ?1 AND seq < ?2),
       (SELECT max(seq) FROM event WHERE seq >= ?1 AND seq < ?2);

-- name: journal_event_delete
DELETE FROM event WHERE seq >= ?1 AND seq < ?2;

-- name: journal_lost_insert
INSERT INTO lost (from_seq, to_seq, told) VALUES (?1, ?2, 0);

-- name: journal_lost_untold
SELECT from_seq, to_seq FROM lost WHERE told = 0 ORDER BY from_seq LIMIT 1;

-- name: journal_lost_told
UPDATE lost SET told = 1 WHERE from_seq = ?1;

-- name: journal_lost_forget
DELETE FROM lost WHERE told = 1 AND to_seq <= ?1;

-- name: journal_repeat_put
INSERT OR REPLACE INTO repeat
    (reader, read_id, door, decision, reason, boot, at_ms, release_ms, answered, stored_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10);

-- name: journal_repeat_answered
UPDATE repeat SET answered = 1 WHERE reader = ?1 AND read_id = ?2;

-- name: journal_repeat_find
SELECT door, decision, reason, boot, at_ms, release_ms, answered
    FROM repeat WHERE reader = ?1 AND read_id = ?2;

-- name: journal_repeat_keys
SELECT reader, read_id FROM repeat;

-- name: journal_repeat_purge
DELETE FROM repeat WHERE (reader, read_id) IN
    (SELECT reader, read_id FROM repeat WHERE boot = ?1 AND stored_ms < ?2 LIMIT ?3);

-- name: journal_repeat_purge_other
DELETE FROM repeat WHERE (reader, read_id) IN
    (SELECT reader, read_id FROM repeat WHERE boot <> ?1 LIMIT ?2);

-- name: journal_kept_number
SELECT kept_number FROM meta WHERE id = 1;

-- name: journal_kept_number_update
UPDATE meta SET kept_number = ?1 WHERE id = 1;

-- name: journal_kept_put
INSERT INTO kept (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value;

-- name: journal_kept_forget
DELETE FROM kept WHERE key = ?1;

-- name: journal_kept_all
SELECT key, value FROM kept WHERE key <> x'';

-- name: journal_kept_back
SELECT key, value FROM kept WHERE key <> x'' ORDER BY key DESC;

-- name: journal_first_get
SELECT value FROM kept WHERE key = x'';

-- name: journal_read
SELECT seq, body FROM event WHERE seq > ?1 ORDER BY seq LIMIT ?2;
