-- Two segments for each person. What somebody has already is found beforehand, so that the insert meets nothing.
CREATE TEMP TABLE staged (username text COLLATE "C", cohort1 text COLLATE "C", cohort2 text COLLATE "C");
\copy staged FROM '{file}' WITH (FORMAT csv, HEADER)
ANALYZE staged;
CREATE TEMP TABLE planned AS
SELECT DISTINCT u.id AS user_id, s.id AS segment_id
  FROM staged l
  JOIN lms.users u ON u.site_id = {site} AND u.username = l.username AND u.deleted_at IS NULL
 CROSS JOIN LATERAL (VALUES (l.cohort1), (l.cohort2)) c (idnumber)
  JOIN lms.segments s ON s.site_id = {site} AND s.idnumber = c.idnumber
 WHERE NOT EXISTS (SELECT FROM lms.segment_members m WHERE m.user_id = u.id AND m.segment_id = s.id)
 ORDER BY 1, 2;
INSERT INTO lms.segment_members (site_id, user_id, segment_id) SELECT {site}, user_id, segment_id FROM planned;
