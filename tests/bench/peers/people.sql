-- ?1 people with a card each, ?2 doors with a reader each; all may pass all doors, always.
-- One statement after another, each with the same two numbers.
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1)
  INSERT INTO person SELECT printf('p%05d', i), printf('Person %d', i), 1 FROM n;
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1)
  INSERT INTO credential SELECT printf('%08X', 0x10000000 + i), printf('p%05d', i) FROM n;
INSERT INTO member SELECT id, 'staff' FROM person;
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2)
  INSERT INTO reader SELECT printf('r%03d', i), printf('d%03d', i) FROM n;
INSERT INTO permission SELECT door, 'staff', 'always' FROM reader;
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 6)
  INSERT INTO window SELECT 'always', i, 0, 1440 FROM n;
