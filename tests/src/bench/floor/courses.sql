-- Two courses for each person, as a student. What somebody has already is found beforehand, so that no insert meets anything.
CREATE TEMP TABLE staged (username text COLLATE "C", course1 text COLLATE "C", course2 text COLLATE "C");
\copy staged FROM '{file}' WITH (FORMAT csv, HEADER)
ANALYZE staged;
CREATE TEMP TABLE planned AS
SELECT DISTINCT u.id AS user_id, c.id AS course_id, e.user_id IS NULL AS enrols, r.user_id IS NULL AS assigns
  FROM staged l
  JOIN lms.users u ON u.site_id = {site} AND u.username = l.username AND u.deleted_at IS NULL
 CROSS JOIN LATERAL (VALUES (l.course1), (l.course2)) n (shortname)
  JOIN lms.courses c ON c.site_id = {site} AND c.shortname = n.shortname
  LEFT JOIN lms.enrolments e ON e.user_id = u.id AND e.course_id = c.id
  LEFT JOIN lms.role_assignments r ON r.user_id = u.id AND r.course_id = c.id AND r.role_id = 1
 ORDER BY 1, 2;
BEGIN;
INSERT INTO lms.enrolments (site_id, user_id, course_id, starts_at)
SELECT {site}, user_id, course_id, date_trunc('day', now()) FROM planned WHERE enrols;
INSERT INTO lms.role_assignments (site_id, user_id, course_id, role_id) SELECT {site}, user_id, course_id, 1 FROM planned WHERE assigns;
COMMIT;
