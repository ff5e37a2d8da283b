-- How rows go into the staging file replica.db-next.
-- name: stage_touch
INSERT OR IGNORE INTO touched (kind, id, bucket) VALUES (?1, ?2, ?3);
-- name: stage_row
INSERT INTO row (bucket, kind, id, sealed) VALUES (?1, ?2, ?3, ?4);
-- name: stage_row_clear
DELETE FROM row WHERE bucket = ?1 AND kind = ?2 AND id = ?3;

-- name: stage_site
INSERT INTO site (id, tz, read_max_age_s, pin_failures, pin_window_s, pin_lock_s, max_age_personal,
    max_age_visitor, max_age_delivery, max_age_admin)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10);
-- name: stage_door
INSERT INTO door (id, name, tz, release_s, extended_release_s, licensed, license_until)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7);
-- name: stage_reader
INSERT INTO reader (id, door, accepts) VALUES (?1, ?2, ?3);
-- name: stage_door_group_door
INSERT OR IGNORE INTO door_group_door (door_group, door) VALUES (?1, ?2);
-- name: stage_grp
INSERT INTO grp (id) VALUES (?1);
-- name: stage_person
INSERT INTO person (id, enabled, valid_from, valid_until, extended_release)
VALUES (?1, ?2, ?3, ?4, ?5);
-- name: stage_membership
INSERT INTO membership (person, n, grp, valid_from, valid_until) VALUES (?1, ?2, ?3, ?4, ?5);
-- name: stage_credential
INSERT INTO credential (id, person, type, value_hash, bits, enabled, disabled_reason, valid_from,
    valid_until, class)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10);
-- name: stage_credential_value
INSERT INTO credential_value (id, type, value_hash) VALUES (?1, ?2, ?3);
-- name: stage_schedule
INSERT INTO schedule (id, windows) VALUES (?1, ?2);
-- name: stage_entitlement
INSERT INTO entitlement (id, kind, enabled, schedule, valid_from, valid_until, holiday, calendar)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8);
-- name: stage_holiday
INSERT INTO holiday (id, calendar, from_day, to_day, yearly, working)
VALUES (?1, ?2, ?3, ?4, ?5, ?6);
-- name: stage_entitlement_who
INSERT OR IGNORE INTO entitlement_who (subject_kind, subject, entitlement) VALUES (?1, ?2, ?3);
-- name: stage_entitlement_where
INSERT OR IGNORE INTO entitlement_where (place_kind, place, entitlement) VALUES (?1, ?2, ?3);

-- What an earlier line of the same batch put.
-- name: stage_clear_site
DELETE FROM site WHERE id = ?1;
-- name: stage_clear_door
DELETE FROM door WHERE id = ?1;
-- name: stage_clear_reader
DELETE FROM reader WHERE id = ?1;
-- name: stage_clear_door_group
DELETE FROM door_group_door WHERE door_group = ?1;
-- name: stage_clear_group
DELETE FROM grp WHERE id = ?1;
-- name: stage_clear_person
DELETE FROM person WHERE id = ?1;
-- name: stage_clear_membership
DELETE FROM membership WHERE person = ?1;
-- name: stage_clear_credential_value
DELETE FROM credential_value
WHERE value_hash = (SELECT value_hash FROM credential WHERE id = ?1) AND id = ?1;
-- name: stage_clear_credential
DELETE FROM credential WHERE id = ?1;
-- name: stage_clear_schedule
DELETE FROM schedule WHERE id = ?1;
-- name: stage_clear_entitlement
DELETE FROM entitlement WHERE id = ?1;
-- name: stage_clear_holiday
DELETE FROM holiday WHERE id = ?1;
-- name: stage_clear_who
DELETE FROM entitlement_who WHERE entitlement = ?1;
-- name: stage_clear_where
DELETE FROM entitlement_where WHERE entitlement = ?1;
