-- How rows go into the staging file replica.db-next.
-- name: stage_touch
INSERT OR IGNORE INTO touched (kind, id, bucket) VALUES (?1, ?2, ?3);
-- name: stage_row
INSERT INTO row (bucket, kind, id, sealed) VALUES (?1, ?2, ?3, ?4);
-- name: stage_row_clear
DELETE FROM row WHERE bucket = ?1 AND kind = ?2 AND id = ?3;

-- name: stage_site
INSERT INTO site (id, tz, dialect, commit_taken, admin_in_lockdown, read_max_age_s, factor_timeout_s,
    duress, pin_failures, pin_window_s, pin_lock_s, max_age_personal, max_age_visitor,
    max_age_delivery, max_age_admin)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15);
-- name: stage_door
INSERT INTO door (id, name, tz, release_s, extended_release_s, licensed, license_until, held_open_s,
    pre_alarm_s, relock, maintenance, factors, factor_schedule, rex, rex_in_lockdown, fire_release)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16);
-- name: stage_reader
INSERT INTO reader (id, door, accepts) VALUES (?1, ?2, ?3);
-- name: stage_door_group_door
INSERT OR IGNORE INTO door_group_door (door_group, door) VALUES (?1, ?2);
-- name: stage_grp
INSERT INTO grp (id, antipassback_exempt, floors) VALUES (?1, ?2, ?3);
-- name: stage_person
INSERT INTO person (id, enabled, valid_from, valid_until, extended_release, lockdown_bypass,
    first_credential, antipassback_exempt, type, status, tags, floors)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12);
-- name: stage_membership
INSERT INTO membership (person, n, grp, valid_from, valid_until) VALUES (?1, ?2, ?3, ?4, ?5);
-- name: stage_credential
INSERT INTO credential (id, person, type, value_hash, bits, enabled, disabled_reason, valid_from,
    valid_until, class, uses_per_door, uses_total)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12);
-- name: stage_credential_value
INSERT INTO credential_value (id, type, value_hash) VALUES (?1, ?2, ?3);
-- name: stage_schedule
INSERT INTO schedule (id, windows) VALUES (?1, ?2);
-- name: stage_entitlement
INSERT INTO entitlement (id, kind, enabled, schedule, valid_from, valid_until, holiday, calendar,
    floors)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9);
-- name: stage_holiday
INSERT INTO holiday (id, calendar, from_day, to_day, yearly, working)
VALUES (?1, ?2, ?3, ?4, ?5, ?6);
-- name: stage_entitlement_who
INSERT OR IGNORE INTO entitlement_who (subject_kind, subject, entitlement) VALUES (?1, ?2, ?3);
-- name: stage_entitlement_where
INSERT OR IGNORE INTO entitlement_where (place_kind, place, entitlement) VALUES (?1, ?2, ?3);
-- name: stage_access_rules
INSERT INTO access_rules (id, level, target, priority, hours, block, types, tags)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8);
-- name: stage_geofence
INSERT INTO geofence (id, level, target, priority, enabled, lat, lon, radius_m, buffer_m,
    max_accuracy_m)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10);
-- name: stage_door_mode
INSERT INTO door_mode (id, tier, mode, schedule, valid_from, valid_until, allow_manual_end, at,
    fingerprint)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9);
-- name: stage_door_mode_where
INSERT OR IGNORE INTO door_mode_where (place_kind, place, door_mode) VALUES (?1, ?2, ?3);
-- name: stage_lockdown_where
INSERT OR IGNORE INTO lockdown_where (place_kind, place, lockdown) VALUES (?1, ?2, ?3);
-- name: stage_area
INSERT INTO area (id, antipassback, timeout_s, schedule, reset_min, max_occupancy,
    exit_without_entry_violates)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7);
-- name: stage_area_reader
INSERT OR IGNORE INTO area_reader (reader, area, is_exit) VALUES (?1, ?2, ?3);
-- name: stage_interlock_door
INSERT OR IGNORE INTO interlock_door (door, interlock) VALUES (?1, ?2);

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
-- name: stage_clear_access_rules
DELETE FROM access_rules WHERE id = ?1;
-- name: stage_clear_geofence
DELETE FROM geofence WHERE id = ?1;
-- name: stage_clear_door_mode
DELETE FROM door_mode WHERE id = ?1;
-- name: stage_clear_door_mode_where
DELETE FROM door_mode_where WHERE door_mode = ?1;
-- name: stage_clear_lockdown_where
DELETE FROM lockdown_where WHERE lockdown = ?1;
-- name: stage_clear_area
DELETE FROM area WHERE id = ?1;
-- name: stage_clear_area_reader
DELETE FROM area_reader WHERE area = ?1;
-- name: stage_clear_interlock_door
DELETE FROM interlock_door WHERE interlock = ?1;
