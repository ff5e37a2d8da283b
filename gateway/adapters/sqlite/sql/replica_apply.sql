-- How the staging file, attached as "next", becomes the policy.
-- name: apply_attach
ATTACH ?1 AS next;
-- name: apply_detach
DETACH next;

-- A batch: what its lines name goes, in whatever form it was there.
-- name: apply_clear_touched
DELETE FROM main.site WHERE id IN (SELECT id FROM next.touched WHERE kind = 0);
DELETE FROM main.door WHERE id IN (SELECT id FROM next.touched WHERE kind = 1);
DELETE FROM main.reader WHERE id IN (SELECT id FROM next.touched WHERE kind = 2);
DELETE FROM main.door_group_door WHERE door_group IN (SELECT id FROM next.touched WHERE kind = 3);
DELETE FROM main.grp WHERE id IN (SELECT id FROM next.touched WHERE kind = 4);
DELETE FROM main.person WHERE id IN (SELECT id FROM next.touched WHERE kind = 5);
DELETE FROM main.membership WHERE person IN (SELECT id FROM next.touched WHERE kind = 5);
DELETE FROM main.credential_value WHERE value_hash IN (
    SELECT c.value_hash FROM next.touched t CROSS JOIN main.credential c ON c.id = t.id
    WHERE t.kind = 6) AND id IN (SELECT id FROM next.touched WHERE kind = 6);
DELETE FROM main.credential WHERE id IN (SELECT id FROM next.touched WHERE kind = 6);
DELETE FROM main.schedule WHERE id IN (SELECT id FROM next.touched WHERE kind = 7);
DELETE FROM main.entitlement WHERE id IN (SELECT id FROM next.touched WHERE kind = 8);
DELETE FROM main.holiday WHERE id IN (SELECT id FROM next.touched WHERE kind = 9);
DELETE FROM main.entitlement_who WHERE entitlement IN (SELECT id FROM next.touched WHERE kind = 8);
DELETE FROM main.entitlement_where WHERE entitlement IN (
    SELECT id FROM next.touched WHERE kind = 8);
DELETE FROM main.access_rules WHERE id IN (SELECT id FROM next.touched WHERE kind = 10);
DELETE FROM main.geofence WHERE id IN (SELECT id FROM next.touched WHERE kind = 11);
DELETE FROM main.door_mode WHERE id IN (SELECT id FROM next.touched WHERE kind = 12);
DELETE FROM main.door_mode_where WHERE door_mode IN (SELECT id FROM next.touched WHERE kind = 12);
DELETE FROM main.lockdown_where WHERE lockdown IN (SELECT id FROM next.touched WHERE kind = 13);
DELETE FROM main.area WHERE id IN (SELECT id FROM next.touched WHERE kind = 14);
DELETE FROM main.area_reader WHERE area IN (SELECT id FROM next.touched WHERE kind = 14);
DELETE FROM main.interlock_door WHERE interlock IN (SELECT id FROM next.touched WHERE kind = 15);
-- One by one: no form of IN makes use of the whole key here.
-- name: apply_touched
SELECT bucket, kind, id FROM next.touched;
-- name: apply_clear_row
DELETE FROM main.row WHERE bucket = ?1 AND kind = ?2 AND id = ?3;

-- A snapshot: everything goes.
-- name: apply_clear_all
DELETE FROM main.row;
DELETE FROM main.bucket;
DELETE FROM main.site;
DELETE FROM main.door;
DELETE FROM main.reader;
DELETE FROM main.door_group_door;
DELETE FROM main.grp;
DELETE FROM main.person;
DELETE FROM main.membership;
DELETE FROM main.credential_value;
DELETE FROM main.credential;
DELETE FROM main.schedule;
DELETE FROM main.entitlement;
DELETE FROM main.holiday;
DELETE FROM main.entitlement_who;
DELETE FROM main.entitlement_where;
DELETE FROM main.access_rules;
DELETE FROM main.geofence;
DELETE FROM main.door_mode;
DELETE FROM main.door_mode_where;
DELETE FROM main.lockdown_where;
DELETE FROM main.area;
DELETE FROM main.area_reader;
DELETE FROM main.interlock_door;

-- The same statements made the tables of both files: the columns agree.
-- next.bucket is empty but for a snapshot.
-- name: apply_copy
INSERT INTO main.row SELECT * FROM next.row;
INSERT INTO main.bucket SELECT * FROM next.bucket;
INSERT INTO main.site SELECT * FROM next.site;
INSERT INTO main.door SELECT * FROM next.door;
INSERT INTO main.reader SELECT * FROM next.reader;
INSERT INTO main.door_group_door SELECT * FROM next.door_group_door;
INSERT INTO main.grp SELECT * FROM next.grp;
INSERT INTO main.person SELECT * FROM next.person;
INSERT INTO main.membership SELECT * FROM next.membership;
INSERT INTO main.credential SELECT * FROM next.credential;
INSERT INTO main.schedule SELECT * FROM next.schedule;
INSERT INTO main.entitlement SELECT * FROM next.entitlement;
INSERT INTO main.holiday SELECT * FROM next.holiday;
INSERT INTO main.entitlement_who SELECT * FROM next.entitlement_who;
INSERT INTO main.entitlement_where SELECT * FROM next.entitlement_where;
INSERT INTO main.access_rules SELECT * FROM next.access_rules;
INSERT INTO main.geofence SELECT * FROM next.geofence;
INSERT INTO main.door_mode SELECT * FROM next.door_mode;
INSERT INTO main.door_mode_where SELECT * FROM next.door_mode_where;
INSERT INTO main.lockdown_where SELECT * FROM next.lockdown_where;
INSERT INTO main.area SELECT * FROM next.area;
INSERT INTO main.area_reader SELECT * FROM next.area_reader;
INSERT INTO main.interlock_door SELECT * FROM next.interlock_door;

-- Fails where a (type, value) is there already: then the next statement names
-- two credentials that share one.
-- name: apply_copy_values
INSERT INTO main.credential_value (value_hash, type, id)
SELECT value_hash, type, id FROM next.credential_value ORDER BY value_hash, type, id;
-- name: apply_same_value
SELECT min(a.id, b.id), max(a.id, b.id)
FROM next.credential_value a JOIN next.credential_value b
    ON b.value_hash = a.value_hash AND b.type = a.type AND b.id > a.id
UNION ALL
SELECT min(a.id, b.id), max(a.id, b.id)
FROM next.credential_value a CROSS JOIN main.credential_value b
    ON b.value_hash = a.value_hash AND b.type = a.type AND b.id <> a.id
LIMIT 1;

-- name: apply_touched_buckets
SELECT DISTINCT bucket FROM next.touched;
-- name: apply_sites
SELECT count(*), min(id), max(id) FROM main.site;
