-- What a line does to memberships is one sort of thing, whatever it is a member of; what became of a line is asked in one way; and no
-- membership can lead from one site to another. (An older worker or api knows neither: end them first.)

-- The plans. Positions of the six columns belong together: one for each membership.
ALTER TABLE muster.import_plans
  ADD COLUMN membership_what   text COLLATE "C",
  ADD COLUMN membership_does   text COLLATE "C",
  ADD COLUMN membership_id     bigint[],
  ADD COLUMN membership_role   integer[],
  ADD COLUMN membership_detail jsonb,
  ADD COLUMN membership_by     integer[],
  ADD CONSTRAINT import_plans_memberships CHECK (
    coalesce(length(membership_what), 0) = coalesce(length(membership_does), 0)
    AND coalesce(length(membership_what), 0) = coalesce(cardinality(membership_id), 0)
    AND coalesce(cardinality(membership_role), cardinality(membership_id), 0) = coalesce(cardinality(membership_id), 0)
    AND coalesce(cardinality(membership_by), cardinality(membership_id), 0) = coalesce(cardinality(membership_id), 0)),
  -- Nothing makes a key anew yet, and much that reads plans takes one for the other.
  ADD CONSTRAINT import_plans_target CHECK (target_id = subject);
COMMENT ON COLUMN muster.import_plans.membership_what IS 'A letter for each membership: s segment, e enrolment, r role in a course. NULL: none.';
COMMENT ON COLUMN muster.import_plans.membership_does IS 'j joins, l leaves, s stays: the plan rests on it.';
COMMENT ON COLUMN muster.import_plans.membership_id IS 'The segment, the course.';
COMMENT ON COLUMN muster.import_plans.membership_role IS 'NULL: no membership of the line has a role.';
COMMENT ON COLUMN muster.import_plans.membership_detail IS 'What a membership holds before and after, where that is not what an import gives by itself. NULL: none does.';
COMMENT ON COLUMN muster.import_plans.membership_by IS 'The rule that asks for it. NULL: the line itself asks for all of them.';

-- An undo names only what it takes and gives, and what it would give and finds: whatever else it named was nothing to it.
CREATE FUNCTION muster.memberships_of(p muster.import_plans, is_undo boolean, OUT what text, OUT does text, OUT ids bigint[], OUT roles integer[])
LANGUAGE sql STABLE AS $$
  WITH courses AS (
    SELECT id, role, does, nth, min(nth) OVER (PARTITION BY id) AS first
      FROM unnest(p.courses, p.course_roles, p.course_does) WITH ORDINALITY AS c (id, role, does, nth)),
  named (part, first, nth, what, does, id, role) AS (
    SELECT 1, 0::bigint, nth, 's', 'j', id, NULL::integer FROM unnest(p.segments_joined) WITH ORDINALITY AS s (id, nth)
     UNION ALL
    SELECT 2, 0, nth, 's', 'l', id, NULL FROM unnest(p.segments_left) WITH ORDINALITY AS s (id, nth)
     UNION ALL
    SELECT 3, 0, nth, 's', 's', id, NULL FROM unnest(p.segments_there) WITH ORDINALITY AS s (id, nth)
     UNION ALL
    SELECT 4, first, 0, 'e', CASE WHEN bit_or(does) & 1 <> 0 THEN 'j' WHEN bit_or(does) & 4 <> 0 THEN 'l' ELSE 's' END, id, NULL
      FROM courses GROUP BY id, first
     UNION ALL
    SELECT 4, first, nth, 'r', CASE WHEN does & 2 <> 0 THEN 'j' WHEN does & 8 <> 0 THEN 'l' ELSE 's' END, id, role FROM courses)
  SELECT string_agg(what, '' ORDER BY part, first, nth), string_agg(does, '' ORDER BY part, first, nth),
         array_agg(id ORDER BY part, first, nth),
         CASE WHEN count(role) > 0 THEN array_agg(role ORDER BY part, first, nth) END
    FROM named WHERE NOT (is_undo AND part = 4 AND does = 's')
$$;

DO $$
DECLARE
  partition regclass;
BEGIN
  FOR partition IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'muster.import_plans'::regclass LOOP
    -- Nearly all name segments only.
    EXECUTE format($sql$
      UPDATE %s
         SET membership_id   = coalesce(segments_joined, '{}') || coalesce(segments_left, '{}') || coalesce(segments_there, '{}'),
             membership_what = repeat('s', coalesce(cardinality(segments_joined), 0) + coalesce(cardinality(segments_left), 0)
                                           + coalesce(cardinality(segments_there), 0)),
             membership_does = repeat('j', coalesce(cardinality(segments_joined), 0)) || repeat('l', coalesce(cardinality(segments_left), 0))
                               || repeat('s', coalesce(cardinality(segments_there), 0))
       WHERE courses IS NULL AND (segments_joined IS NOT NULL OR segments_left IS NOT NULL OR segments_there IS NOT NULL)
    $sql$, partition);
    EXECUTE format($sql$
      UPDATE %s p
         SET (membership_what, membership_does, membership_id, membership_role) = (
             SELECT m.what, m.does, m.ids, m.roles
               FROM muster.memberships_of(ROW(p.*)::muster.import_plans, i.undoes_no IS NOT NULL) m)
        FROM muster.imports i
       WHERE i.no = p.import_no AND p.courses IS NOT NULL
    $sql$, partition);
  END LOOP;
END $$;
DROP FUNCTION muster.memberships_of;

-- What an undo of an undo gives back is as it was when it was taken, and that was looked up with the import that took it; from now on the
-- plan says so itself. What was given back before this carries the number of the undo that gave it.
UPDATE muster.import_plans p
   SET membership_detail = (
       SELECT jsonb_agg(CASE WHEN r.record IS NOT NULL THEN jsonb_build_object('after', jsonb_build_object(
                          'source', p.import_no, 'status', r.record -> 'status', 'starts_at', r.record -> 'starts_at', 'ends_at', r.record -> 'ends_at')) END
                        ORDER BY m.nth)
         FROM unnest(string_to_array(p.membership_what, NULL), string_to_array(p.membership_does, NULL), p.membership_id)
              WITH ORDINALITY AS m (what, does, id, nth)
         LEFT JOIN muster.import_removed r
           ON m.what = 'e' AND m.does = 'j' AND r.import_no = i.undoes_no AND r.line = p.line AND r.what = 'enrolment'
          AND (r.record ->> 'course_id')::bigint = m.id)
  FROM muster.imports i JOIN muster.imports taken ON taken.no = i.undoes_no
 WHERE i.no = p.import_no AND taken.undoes_no IS NOT NULL AND p.membership_what LIKE '%e%' AND p.membership_does LIKE '%j%';

DROP FUNCTION muster.plans_in_turn;
DROP FUNCTION muster.plans_of;
ALTER TABLE muster.import_plans
  DROP COLUMN segments_joined,
  DROP COLUMN segments_there,
  DROP COLUMN segments_left,
  DROP COLUMN courses,
  DROP COLUMN course_roles,
  DROP COLUMN course_does;
ALTER TABLE muster.import_plans RENAME COLUMN turn TO seq;
ALTER TABLE muster.import_plans RENAME COLUMN place TO subject_block;
ALTER INDEX muster.import_plans_place RENAME TO import_plans_subject_block;
COMMENT ON COLUMN muster.import_plans.subject IS 'Id of the person, segment or course that the line is about; new ones have theirs reserved. NULL: nothing to execute.';
COMMENT ON COLUMN muster.import_plans.target_id IS 'Id of the record that is written: another than the subject''s where the file deletes one and creates its key anew.';
COMMENT ON COLUMN muster.import_plans.seq IS 'From 1: the order of the lines of one subject that do something.';

ALTER TABLE muster.import_removed DROP CONSTRAINT import_removed_what;
UPDATE muster.import_removed SET what = CASE what WHEN 'segment' THEN 's' WHEN 'enrolment' THEN 'e' ELSE 'r' END;
ALTER TABLE muster.import_removed ADD CONSTRAINT import_removed_what CHECK (what IN ('s', 'e', 'r'));
COMMENT ON COLUMN muster.import_removed.what IS 'The letter of the sort of membership.';

-- The plans of an import whose subjects lie in [low, high): what one batch of apply executes. Found by blocks of subjects, whose index is small.
CREATE FUNCTION muster.plans_of(import_no bigint, low bigint, high bigint) RETURNS SETOF muster.import_plans LANGUAGE sql STABLE AS $$
  SELECT p.* FROM muster.import_plans p
   WHERE p.import_no = plans_of.import_no AND p.subject_block BETWEEN low >> 10 AND (high - 1) >> 10 AND p.subject >= low AND p.subject < high
$$;

-- The plans of these lines.
CREATE FUNCTION muster.plans_of_lines(import_no bigint, lines integer[]) RETURNS SETOF muster.import_plans LANGUAGE sql STABLE AS $$
  SELECT p.* FROM muster.import_plans p WHERE p.import_no = plans_of_lines.import_no AND p.line = ANY (lines)
$$;

-- How many plans there are about each block of subjects: where apply's batches are cut.
CREATE FUNCTION muster.blocks_of(import_no bigint) RETURNS TABLE (subject_block bigint, lines bigint) LANGUAGE sql STABLE AS $$
  SELECT p.subject_block, count(*) FROM muster.import_plans p
   WHERE p.import_no = blocks_of.import_no AND p.subject_block IS NOT NULL GROUP BY p.subject_block
$$;

-- The plans that one turn of a batch executes: those of the lines, or, without any, all that the batch has, found by block.
CREATE FUNCTION muster.plans_in_turn(import_no bigint, low bigint, high bigint, lines integer[])
RETURNS SETOF muster.import_plans LANGUAGE sql STABLE AS $$
  SELECT p.* FROM muster.import_plans p
   WHERE lines IS NULL
     AND p.import_no = plans_in_turn.import_no AND p.subject_block BETWEEN low >> 10 AND (high - 1) >> 10 AND p.subject >= low AND p.subject < high
   UNION ALL
  SELECT p.* FROM muster.import_plans p
   WHERE p.import_no = plans_in_turn.import_no AND p.line = ANY (lines)
$$;

-- The subjects whose plans are executed, in an import for which apply was asked; NULL: it was not.
CREATE FUNCTION muster.applied_subjects(import_no bigint) RETURNS int8multirange LANGUAGE sql STABLE AS $$
  SELECT coalesce((SELECT range_agg(int8range(b.low, b.high)) FROM muster.import_batches b
                    WHERE b.import_no = i.no AND b.stage = 'apply' AND b.step = 'main' AND b.state = 'done'), '{}')
    FROM muster.imports i WHERE i.no = applied_subjects.import_no AND i.applied_at IS NOT NULL
$$;

-- What comes of an action when all goes as planned; in an undo, what is skipped is held. As plan::Action::outcome has it.
CREATE FUNCTION muster.planned_outcome(action "char", is_undo boolean) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE action WHEN 'c' THEN 'created' WHEN 'u' THEN 'updated' WHEN 'n' THEN 'unchanged' WHEN 'd' THEN 'deleted' WHEN 'r' THEN 'rejected'
                     ELSE CASE WHEN is_undo THEN 'held' ELSE 'skipped' END END
$$;

-- What became of the lines of an import: the outcome that was recorded, or else the planned one once apply has come to the line; NULL before.
-- done_at: when its batch was done. (The planner writes this out into the statement that asks, and leaves out what is not asked for. Ask with a
-- constant or an outer number: with a column of the same level the applied subjects would be looked up for each row.)
CREATE FUNCTION muster.results_of(import_no bigint)
RETURNS TABLE (line integer, subject bigint, target_id bigint, subject_block bigint, seq smallint, action "char",
               outcome text, outcome_code text, outcome_message text, done_at timestamptz) LANGUAGE sql STABLE AS $$
  SELECT p.line, p.subject, p.target_id, p.subject_block, p.seq, p.action,
         coalesce(o.outcome, CASE WHEN (SELECT muster.applied_subjects(results_of.import_no)) @> p.subject
                                    OR p.subject IS NULL AND (SELECT muster.applied_subjects(results_of.import_no)) IS NOT NULL
                                  THEN muster.planned_outcome(p.action, (SELECT undoes_no IS NOT NULL FROM muster.imports WHERE no = results_of.import_no)) END),
         o.code, o.message,
         (SELECT max(b.done_at) FROM muster.import_batches b
           WHERE b.import_no = p.import_no AND b.stage = 'apply' AND b.step = 'main' AND b.state = 'done' AND p.subject >= b.low AND p.subject < b.high)
    FROM muster.import_plans p
    LEFT JOIN muster.import_outcomes o ON o.import_no = p.import_no AND o.line = p.line
   WHERE p.import_no = results_of.import_no
$$;

-- The memberships themselves come last: from here on whoever else writes them waits.

-- Who belongs where has a site, and the database holds that person and thing are of that site. It costs a row 8 bytes, and lets a site be
-- moved and deleted by itself.
ALTER TABLE lms.users    ADD CONSTRAINT users_of_site    UNIQUE (site_id, id);
ALTER TABLE lms.segments ADD CONSTRAINT segments_of_site UNIQUE (site_id, id);
ALTER TABLE lms.courses  ADD CONSTRAINT courses_of_site  UNIQUE (site_id, id);

ALTER TABLE lms.segment_members  ADD COLUMN site_id integer;
ALTER TABLE lms.enrolments       ADD COLUMN site_id integer;
ALTER TABLE lms.role_assignments ADD COLUMN site_id integer;
UPDATE lms.segment_members  m SET site_id = u.site_id FROM lms.users u WHERE u.id = m.user_id;
UPDATE lms.enrolments       m SET site_id = u.site_id FROM lms.users u WHERE u.id = m.user_id;
UPDATE lms.role_assignments m SET site_id = u.site_id FROM lms.users u WHERE u.id = m.user_id;
ALTER TABLE lms.segment_members
  ALTER COLUMN site_id SET NOT NULL,
  DROP CONSTRAINT segment_members_user_id_fkey,
  DROP CONSTRAINT segment_members_segment_id_fkey,
  ADD CONSTRAINT segment_members_of_user    FOREIGN KEY (site_id, user_id)    REFERENCES lms.users (site_id, id),
  ADD CONSTRAINT segment_members_of_segment FOREIGN KEY (site_id, segment_id) REFERENCES lms.segments (site_id, id);
ALTER TABLE lms.enrolments
  ALTER COLUMN site_id SET NOT NULL,
  DROP CONSTRAINT enrolments_user_id_fkey,
  DROP CONSTRAINT enrolments_course_id_fkey,
  ADD CONSTRAINT enrolments_of_user   FOREIGN KEY (site_id, user_id)   REFERENCES lms.users (site_id, id),
  ADD CONSTRAINT enrolments_of_course FOREIGN KEY (site_id, course_id) REFERENCES lms.courses (site_id, id);
ALTER TABLE lms.role_assignments
  ALTER COLUMN site_id SET NOT NULL,
  DROP CONSTRAINT role_assignments_user_id_fkey,
  DROP CONSTRAINT role_assignments_course_id_fkey,
  ADD CONSTRAINT role_assignments_of_user   FOREIGN KEY (site_id, user_id)   REFERENCES lms.users (site_id, id),
  ADD CONSTRAINT role_assignments_of_course FOREIGN KEY (site_id, course_id) REFERENCES lms.courses (site_id, id);

-- The database takes dates that no program can hold: infinite ones, and some of years beyond its reach. Read so they are the nearest that it can.
CREATE FUNCTION lms.readable(at timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN at IS NOT NULL THEN least(greatest(at, '0001-01-01 00:00+00'), '9999-12-31 00:00+00') END
$$;
CREATE FUNCTION lms.readable(at date) RETURNS date LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN at IS NOT NULL THEN least(greatest(at, '0001-01-01'), '9999-12-31') END
$$;

-- The two views of all sorts of memberships: a new sort is a branch in each. `what` is its letter, in shared/src/plan/membership.rs too.
CREATE VIEW lms.memberships AS
SELECT 's' AS what, site_id, user_id, segment_id AS id, NULL::integer AS role_id, source,
       NULL::smallint AS status, NULL::timestamptz AS starts_at, NULL::timestamptz AS ends_at
  FROM lms.segment_members
 UNION ALL
SELECT 'e', site_id, user_id, course_id, NULL, source, status,
       lms.readable(starts_at), lms.readable(ends_at)
  FROM lms.enrolments
 UNION ALL
SELECT 'r', site_id, user_id, course_id, role_id, source, NULL, NULL, NULL FROM lms.role_assignments WHERE course_id IS NOT NULL;
COMMENT ON VIEW lms.memberships IS 'What people belong to. Ask for the sorts that are meant (what = ANY …): the other tables are then not looked at.';

CREATE VIEW lms.membership_objects AS
SELECT 's' AS what, site_id, id, idnumber AS key, name FROM lms.segments
 UNION ALL
SELECT 'e', site_id, id, shortname, fullname FROM lms.courses
 UNION ALL
SELECT 'r', site_id, id, shortname, fullname FROM lms.courses;
COMMENT ON VIEW lms.membership_objects IS 'What one can belong to, by the sort of membership: its key and its name.';
