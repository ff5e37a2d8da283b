-- What a decision asks of the replica; see replica.sql for the tables.
-- name: reader_begin
BEGIN;
-- name: reader_commit
COMMIT;
-- name: reader_version
SELECT epoch, rev, issued_at FROM meta WHERE issued_at IS NOT NULL;
-- name: reader_site
SELECT tz, read_max_age_s, max_age_personal, max_age_visitor, max_age_delivery, max_age_admin,
    pin_failures, pin_window_s, pin_lock_s
FROM site;
-- name: reader_door
SELECT id, name, tz, release_s, licensed, license_until, extended_release_s FROM door WHERE id = ?1;
-- name: reader_reader
SELECT door, accepts FROM reader WHERE id = ?1;
-- name: reader_credential
SELECT c.id, c.person, c.bits, c.enabled, c.disabled_reason, c.valid_from, c.valid_until,
    EXISTS (SELECT 1 FROM deny WHERE kind = 6 AND id = c.id), c.class
FROM credential_value v CROSS JOIN credential c ON c.id = v.id
WHERE v.type = ?1 AND v.value_hash = ?2;
-- name: reader_person
SELECT enabled, valid_from, valid_until, EXISTS (SELECT 1 FROM deny WHERE kind = 5 AND id = ?1),
    extended_release
FROM person WHERE id = ?1;

-- Which entitlements lead through a door, and which a person with a credential
-- has, are two short sorted lists; what is on both is what counts. Asked as one
-- join it costs a search for each entry of one of them, however it is written:
-- a person in a group with an entitlement for every door, or a door with one for
-- every group, would wait for hundreds of searches.
-- name: reader_places
WITH place (kind, id) AS (
    VALUES (0, ''), (1, ?1)
    UNION ALL
    SELECT 2, door_group FROM door_group_door WHERE door = ?1
)
SELECT w.entitlement
FROM place p CROSS JOIN entitlement_where w ON w.place_kind = p.kind AND w.place = p.id;
-- name: reader_subjects
WITH subject (kind, id, valid_from, valid_until) AS (
    VALUES (0, '', NULL, NULL), (1, ?1, NULL, NULL), (2, ?2, NULL, NULL)
    UNION ALL
    SELECT 3, m.grp, m.valid_from, m.valid_until
    FROM membership m CROSS JOIN grp g ON g.id = m.grp
    WHERE m.person = ?1
)
SELECT w.entitlement, s.valid_from, s.valid_until
FROM subject s CROSS JOIN entitlement_who w ON w.subject_kind = s.kind AND w.subject = s.id;
-- name: reader_entitlement
SELECT e.kind, e.valid_from, e.valid_until, e.schedule, s.windows, e.holiday, e.calendar
FROM entitlement e LEFT JOIN schedule s ON s.id = e.schedule
WHERE e.id = ?1 AND e.enabled = 1
    AND NOT EXISTS (SELECT 1 FROM deny WHERE kind = 8 AND id = e.id);
-- Asked only where an entitlement looks at holidays; there are few of them.
-- name: reader_holidays
SELECT id, calendar, from_day, to_day, yearly, working FROM holiday;
