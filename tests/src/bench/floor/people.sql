-- Creates who is missing, updates who differs, then their segment and course. Ids, and what somebody has already, are found once,
-- beforehand, so that no insert meets anything.
CREATE TEMP TABLE staged (username text COLLATE "C", firstname text, lastname text, email text, city text, country text,
                          idnumber text COLLATE "C", cohort1 text COLLATE "C", course1 text COLLATE "C");
\copy staged FROM '{file}' WITH (FORMAT csv, HEADER)
ANALYZE staged;
CREATE TEMP TABLE planned AS
SELECT coalesce(id, nextval((SELECT pg_get_serial_sequence('lms.users', 'id')::regclass))) AS id, id IS NULL AS is_new,
       username, firstname, lastname, email, email_key, city, country, idnumber, segment_id, course_id, joins, enrols, assigns
  FROM (SELECT u.id, l.username, l.firstname, l.lastname, l.email, lower(l.email) AS email_key, l.city, l.country, l.idnumber,
               s.id AS segment_id, c.id AS course_id,
               -- Nothing is looked up for somebody who is new.
               s.id IS NOT NULL AND (u.id IS NULL OR NOT EXISTS (
                    SELECT FROM lms.segment_members m WHERE m.user_id = u.id AND m.segment_id = s.id)) AS joins,
               c.id IS NOT NULL AND (u.id IS NULL OR NOT EXISTS (
                    SELECT FROM lms.enrolments e WHERE e.user_id = u.id AND e.course_id = c.id)) AS enrols,
               c.id IS NOT NULL AND (u.id IS NULL OR NOT EXISTS (
                    SELECT FROM lms.role_assignments r WHERE r.user_id = u.id AND r.course_id = c.id AND r.role_id = 1)) AS assigns
          FROM staged l
          LEFT JOIN lms.users u ON u.site_id = {site} AND u.username = l.username AND u.deleted_at IS NULL
          LEFT JOIN lms.segments s ON s.site_id = {site} AND s.idnumber = l.cohort1
          LEFT JOIN lms.courses c ON c.site_id = {site} AND c.shortname = l.course1
         ORDER BY u.id, l.username) resolved;
ANALYZE planned;
BEGIN;
UPDATE lms.users u
   SET firstname = p.firstname, lastname = p.lastname, email = p.email, email_key = p.email_key, city = p.city, country = p.country,
       idnumber = p.idnumber, updated_at = now()
  FROM planned p
 WHERE NOT p.is_new AND u.id = p.id
   AND (u.firstname, u.lastname, u.email, u.city, u.country, u.idnumber)
       IS DISTINCT FROM (p.firstname, p.lastname, p.email, p.city, p.country, p.idnumber);
INSERT INTO lms.users (id, site_id, username, firstname, lastname, email, email_key, city, country, idnumber)
SELECT id, {site}, username, firstname, lastname, email, email_key, city, country, idnumber FROM planned WHERE is_new;
INSERT INTO lms.segment_members (site_id, user_id, segment_id) SELECT {site}, id, segment_id FROM planned WHERE joins;
INSERT INTO lms.enrolments (site_id, user_id, course_id, starts_at)
SELECT {site}, id, course_id, date_trunc('day', now()) FROM planned WHERE enrols;
INSERT INTO lms.role_assignments (site_id, user_id, course_id, role_id) SELECT {site}, id, course_id, 1 FROM planned WHERE assigns;
COMMIT;
