-- What a decision asks of the replica; see replica.sql for the tables.
-- name: reader_begin
BEGIN;
-- name: reader_commit
COMMIT;
-- Another number after each commit of another connection.
-- name: reader_data_version
PRAGMA data_version;
-- name: reader_version
SELECT epoch, rev, issued_at FROM meta WHERE issued_at IS NOT NULL;
-- name: reader_site
SELECT tz, dialect, commit_taken, admin_in_lockdown, read_max_age_s, factor_timeout_s, duress,
    pin_failures, pin_window_s, pin_lock_s, max_age_personal, max_age_visitor, max_age_delivery,
    max_age_admin
FROM site;
-- name: reader_holidays
SELECT calendar, from_day, to_day, yearly, working FROM holiday;
-- name: reader_door
SELECT name, tz, release_s, extended_release_s, licensed, license_until, held_open_s, pre_alarm_s,
    relock, maintenance, factors, factor_schedule, rex, rex_in_lockdown, fire_release
FROM door WHERE id = ?1;
-- name: reader_reader
SELECT door, accepts FROM reader WHERE id = ?1;
-- name: reader_reader_areas
SELECT a.id, r.is_exit, a.antipassback, a.timeout_s, a.schedule, a.reset_min, a.max_occupancy,
    a.exit_without_entry_violates
FROM area_reader r CROSS JOIN area a ON a.id = r.area
WHERE r.reader = ?1
ORDER BY a.id, r.is_exit;
-- name: reader_readers_of
SELECT id FROM reader WHERE door = ?1 ORDER BY id LIMIT ?2;
-- name: reader_list
SELECT id FROM reader ORDER BY id;
-- name: reader_schedule
SELECT windows FROM schedule WHERE id = ?1;

-- The effective rules of a door: the lowest level, then priority, then id.
-- name: reader_rules
WITH place (level, id) AS (
    VALUES (0, ''), (2, ?1)
    UNION ALL
    SELECT 1, door_group FROM door_group_door WHERE door = ?1
)
SELECT r.id, r.block, r.hours, r.types, r.tags
FROM place p CROSS JOIN access_rules r ON r.level = p.level AND r.target = p.id
ORDER BY r.level DESC, r.priority, r.id LIMIT 1;
-- name: reader_geofence
WITH place (level, id) AS (
    VALUES (0, ''), (2, ?1)
    UNION ALL
    SELECT 1, door_group FROM door_group_door WHERE door = ?1
)
SELECT g.enabled, g.lat, g.lon, g.radius_m, g.buffer_m, g.max_accuracy_m
FROM place p CROSS JOIN geofence g ON g.level = p.level AND g.target = p.id
ORDER BY g.level DESC, g.priority, g.id LIMIT 1;
-- name: reader_modes
WITH place (kind, id) AS (
    VALUES (0, ''), (1, ?1)
    UNION ALL
    SELECT 2, door_group FROM door_group_door WHERE door = ?1
)
SELECT m.id, m.tier, m.mode, m.schedule, m.valid_from, m.valid_until, m.allow_manual_end, m.at,
    m.fingerprint
FROM door_mode m
WHERE m.id IN (
    SELECT w.door_mode
    FROM place p CROSS JOIN door_mode_where w ON w.place_kind = p.kind AND w.place = p.id)
ORDER BY m.id;
-- name: reader_lockdown
WITH place (kind, id) AS (
    VALUES (0, ''), (1, ?1)
    UNION ALL
    SELECT 2, door_group FROM door_group_door WHERE door = ?1
)
SELECT 1
FROM place p CROSS JOIN lockdown_where w ON w.place_kind = p.kind AND w.place = p.id
LIMIT 1;
-- name: reader_interlock
SELECT DISTINCT o.door
FROM interlock_door i CROSS JOIN interlock_door o ON o.interlock = i.interlock
WHERE i.door = ?1 AND o.door <> ?1
ORDER BY o.door;
-- name: reader_group
SELECT antipassback_exempt, floors FROM grp WHERE id = ?1;

-- name: reader_credential
SELECT c.id, c.person, c.bits, c.enabled, c.disabled_reason, c.valid_from, c.valid_until,
    EXISTS (SELECT 1 FROM deny WHERE kind = 6 AND id = c.id), c.class, c.uses_per_door,
    c.uses_total
FROM credential_value v CROSS JOIN credential c ON c.id = v.id
WHERE v.type = ?1 AND v.value_hash = ?2;
-- name: reader_person
SELECT enabled, valid_from, valid_until, EXISTS (SELECT 1 FROM deny WHERE kind = 5 AND id = ?1),
    extended_release, lockdown_bypass, first_credential, antipassback_exempt, type, status, tags,
    floors
FROM person WHERE id = ?1;
-- name: reader_memberships
SELECT grp, valid_from, valid_until FROM membership WHERE person = ?1;
-- name: reader_subject
SELECT entitlement FROM entitlement_who WHERE subject_kind = ?1 AND subject = ?2;

-- Which entitlements lead through a door. Who has which is a list of its own; what
-- is on both is what counts.
-- name: reader_places
WITH place (kind, id) AS (
    VALUES (0, ''), (1, ?1)
    UNION ALL
    SELECT 2, door_group FROM door_group_door WHERE door = ?1
)
SELECT w.entitlement
FROM place p CROSS JOIN entitlement_where w ON w.place_kind = p.kind AND w.place = p.id;
-- Whether one of them does.
-- name: reader_leads
SELECT EXISTS (SELECT 1 FROM entitlement_where
               WHERE place_kind = 0 AND place = '' AND entitlement = ?1)
    OR EXISTS (SELECT 1 FROM entitlement_where
               WHERE place_kind = 1 AND place = ?2 AND entitlement = ?1)
    OR EXISTS (SELECT 1 FROM door_group_door g CROSS JOIN entitlement_where w
               ON w.place_kind = 2 AND w.place = g.door_group AND w.entitlement = ?1
               WHERE g.door = ?2);
-- name: reader_entitlement
SELECT e.kind, e.enabled AND NOT EXISTS (SELECT 1 FROM deny WHERE kind = 8 AND id = e.id),
    e.valid_from, e.valid_until, e.schedule, e.holiday, e.calendar, e.floors
FROM entitlement e WHERE e.id = ?1;
