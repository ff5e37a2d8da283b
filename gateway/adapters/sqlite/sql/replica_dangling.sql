-- References to rows that do not exist: kind and id of the row that refers, its
-- field, what it names, and the kind that is missing. Asked after a commit, for
-- people; nothing depends on it. In two halves, as one would be too long.
-- name: dangling_people
WITH known (id) AS MATERIALIZED (SELECT id FROM row WHERE kind = 4)
SELECT 'credential', c.id, 'person', c.person, 'person' FROM credential c
WHERE c.person <> '' AND NOT EXISTS (SELECT 1 FROM person p WHERE p.id = c.person)
UNION ALL
SELECT 'person', m.person, 'groups', m.grp, 'group' FROM membership m
WHERE NOT EXISTS (SELECT 1 FROM grp g WHERE g.id = m.grp) AND m.grp NOT IN known
UNION ALL
SELECT 'entitlement', w.entitlement, 'who.persons', w.subject, 'person' FROM entitlement_who w
WHERE w.subject_kind = 1 AND NOT EXISTS (SELECT 1 FROM person p WHERE p.id = w.subject)
UNION ALL
SELECT 'entitlement', w.entitlement, 'who.credentials', w.subject, 'credential'
FROM entitlement_who w
WHERE w.subject_kind = 2 AND NOT EXISTS (SELECT 1 FROM credential c WHERE c.id = w.subject)
UNION ALL
SELECT 'entitlement', w.entitlement, 'who.groups', w.subject, 'group' FROM entitlement_who w
WHERE w.subject_kind = 3 AND NOT EXISTS (SELECT 1 FROM grp g WHERE g.id = w.subject)
    AND w.subject NOT IN known
UNION ALL
SELECT 'entitlement', e.id, 'schedule', e.schedule, 'schedule' FROM entitlement e
WHERE e.schedule <> '' AND NOT EXISTS (SELECT 1 FROM schedule s WHERE s.id = e.schedule)
LIMIT ?1;

-- name: dangling_doors
WITH known (id) AS MATERIALIZED (SELECT id FROM row WHERE kind = 3), doors (kind, id, field, door) AS (
    SELECT 'reader', id, 'door', door FROM reader
    UNION ALL
    SELECT 'door_group', door_group, 'doors', door FROM door_group_door
    UNION ALL
    SELECT 'entitlement', entitlement, 'where.doors', place FROM entitlement_where
    WHERE place_kind = 1
    UNION ALL
    SELECT 'door_mode', door_mode, 'where.doors', place FROM door_mode_where WHERE place_kind = 1
    UNION ALL
    SELECT 'lockdown', lockdown, 'where.doors', place FROM lockdown_where WHERE place_kind = 1
    UNION ALL
    SELECT 'access_rules', id, 'target', target FROM access_rules WHERE level = 2
    UNION ALL
    SELECT 'geofence', id, 'target', target FROM geofence WHERE level = 2
    UNION ALL
    SELECT 'interlock', interlock, 'doors', door FROM interlock_door
), door_groups (kind, id, field, door_group) AS (
    SELECT 'entitlement', entitlement, 'where.door_groups', place FROM entitlement_where
    WHERE place_kind = 2
    UNION ALL
    SELECT 'door_mode', door_mode, 'where.door_groups', place FROM door_mode_where
    WHERE place_kind = 2
    UNION ALL
    SELECT 'lockdown', lockdown, 'where.door_groups', place FROM lockdown_where
    WHERE place_kind = 2
    UNION ALL
    SELECT 'access_rules', id, 'target', target FROM access_rules WHERE level = 1
    UNION ALL
    SELECT 'geofence', id, 'target', target FROM geofence WHERE level = 1
), schedules (kind, id, field, schedule) AS (
    SELECT 'door', id, 'factor_schedule', factor_schedule FROM door
    UNION ALL
    SELECT 'access_rules', id, 'hours', hours FROM access_rules
    UNION ALL
    SELECT 'door_mode', id, 'schedule', schedule FROM door_mode
    UNION ALL
    SELECT 'area', id, 'schedule', schedule FROM area
)
SELECT kind, id, field, door, 'door' FROM doors
WHERE NOT EXISTS (SELECT 1 FROM door d WHERE d.id = doors.door)
UNION ALL
SELECT kind, id, field, door_group, 'door_group' FROM door_groups
WHERE NOT EXISTS (SELECT 1 FROM door_group_door g WHERE g.door_group = door_groups.door_group)
    AND door_group NOT IN known
UNION ALL
SELECT kind, id, field, schedule, 'schedule' FROM schedules
WHERE schedule <> '' AND NOT EXISTS (SELECT 1 FROM schedule s WHERE s.id = schedules.schedule)
UNION ALL
SELECT 'area', area, CASE is_exit WHEN 1 THEN 'exit' ELSE 'entry' END, reader, 'reader'
FROM area_reader
WHERE NOT EXISTS (SELECT 1 FROM reader r WHERE r.id = area_reader.reader)
LIMIT ?1;
