-- Who may pass where and when, as somebody who builds access control in Node-RED would keep it:
-- every question that the flow asks is answered by a primary key or an index.
PRAGMA journal_mode = WAL;
CREATE TABLE person (id TEXT PRIMARY KEY, name TEXT NOT NULL, enabled INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE credential (value TEXT PRIMARY KEY, person TEXT NOT NULL REFERENCES person) WITHOUT ROWID;
CREATE TABLE member (person TEXT NOT NULL REFERENCES person, team TEXT NOT NULL,
                     PRIMARY KEY (person, team)) WITHOUT ROWID;
CREATE TABLE reader (id TEXT PRIMARY KEY, door TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE permission (door TEXT NOT NULL, team TEXT NOT NULL, schedule TEXT NOT NULL,
                         PRIMARY KEY (door, team)) WITHOUT ROWID;
-- A week: day 0 is Sunday; minutes since midnight, to_minute not included.
CREATE TABLE window (schedule TEXT NOT NULL, day INTEGER NOT NULL, from_minute INTEGER NOT NULL,
                     to_minute INTEGER NOT NULL, PRIMARY KEY (schedule, day, from_minute)) WITHOUT ROWID;
CREATE TABLE event (seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, read_id TEXT NOT NULL,
                    reader TEXT NOT NULL, door TEXT, credential TEXT NOT NULL, person TEXT,
                    decision TEXT NOT NULL, reason TEXT NOT NULL);
CREATE INDEX event_at ON event (at_ms);
