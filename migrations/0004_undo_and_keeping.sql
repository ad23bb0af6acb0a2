-- An import may undo another, go on with what another left, and ends some day: its file, lines and plans are swept away, its header stays.
--
--   import_removed  what executing plans took away, whole, so that it can be given back

ALTER TABLE muster.imports
  ALTER COLUMN file_key DROP NOT NULL,
  ADD COLUMN parent_id    uuid   REFERENCES muster.imports,
  ADD COLUMN undoes_no    bigint REFERENCES muster.imports (no),
  ADD COLUMN lines_of     bigint REFERENCES muster.imports (no),
  ADD COLUMN same_file_as uuid   REFERENCES muster.imports,
  ADD COLUMN rested_at    timestamptz,
  ADD COLUMN served_at    timestamptz,
  ADD COLUMN pruned_at    timestamptz,
  ADD COLUMN emptied_at   timestamptz,
  ADD COLUMN carries      text[],
  ADD CONSTRAINT imports_carries CHECK (carries IS NULL OR parent_id IS NOT NULL AND file_key IS NULL),
  ADD CONSTRAINT imports_emptied CHECK (emptied_at IS NULL OR pruned_at IS NOT NULL);
COMMENT ON COLUMN muster.imports.file_key IS 'NULL: it has no file of its own, but the lines of another import.';
COMMENT ON COLUMN muster.imports.parent_id IS 'The import whose lines this one goes on with.';
COMMENT ON COLUMN muster.imports.carries IS 'Outcomes of the parent''s lines that it goes on with, ''none'' among them: never tried. NULL: it has a file.';
COMMENT ON COLUMN muster.imports.undoes_no IS 'The import whose plans this one reverses.';
COMMENT ON COLUMN muster.imports.lines_of IS 'Under whose number import_rows has the lines of an undo; NULL: under its own.';
COMMENT ON COLUMN muster.imports.same_file_as IS 'The newest import before it of the same file, recipe and settings.';
COMMENT ON COLUMN muster.imports.rested_at IS 'Since when nothing moves it but a request; NULL: it is at work.';
UPDATE muster.imports SET rested_at = coalesce(settled_at, ready_at, stage_started_at)
 WHERE status IN ('rejected', 'ready', 'applied', 'cancelled', 'failed');
COMMENT ON COLUMN muster.imports.served_at IS 'When a lane last took a batch of it: who has waited longest is served first.';
COMMENT ON COLUMN muster.imports.expires_at IS 'From when on its file, lines and plans may be swept away; put forward when it comes to its end, so that it can be undone.';
COMMENT ON COLUMN muster.imports.pruned_at IS 'From then on nothing but this row is shown of it.';
COMMENT ON COLUMN muster.imports.emptied_at IS 'When the last of its file, lines and plans was gone.';
COMMENT ON COLUMN muster.imports.file_issues IS 'Issues of the file as a whole: that it was uploaded before, and what its header gave rise to.';
CREATE UNIQUE INDEX imports_one_undo ON muster.imports (undoes_no)
  WHERE undoes_no IS NOT NULL AND status NOT IN ('rejected', 'cancelled', 'applied');
CREATE INDEX imports_undoing ON muster.imports (undoes_no) WHERE undoes_no IS NOT NULL;
CREATE INDEX imports_children ON muster.imports (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX imports_of_file ON muster.imports (site_id, file_sha256);
CREATE INDEX imports_open ON muster.imports (site_id) WHERE status NOT IN ('applied', 'cancelled', 'rejected') AND undoes_no IS NULL;
CREATE INDEX imports_expiring ON muster.imports (expires_at) WHERE pruned_at IS NULL;
CREATE INDEX imports_to_empty ON muster.imports (no) WHERE pruned_at IS NOT NULL AND emptied_at IS NULL;
CREATE INDEX imports_not_empty ON muster.imports (no) WHERE emptied_at IS NULL;
CREATE INDEX imports_sharing_lines ON muster.imports (lines_of) WHERE lines_of IS NOT NULL;
CREATE INDEX imports_applied ON muster.imports (site_id, no DESC) WHERE applied_at IS NOT NULL;

ALTER TABLE muster.import_batches ADD COLUMN done_at timestamptz, ADD COLUMN not_before timestamptz;
COMMENT ON COLUMN muster.import_batches.not_before IS 'Put off until then, since the system was in the way.';
COMMENT ON COLUMN muster.import_batches.number IS '0 comes before all others: preview clears what an earlier try left, apply makes what the file names and lets it make. 2147483647 comes after all others: an undo takes away what the undone import made.';
CREATE INDEX import_batches_claimed ON muster.import_batches (import_no) WHERE state = 'claimed';

CREATE VIEW muster.imports_at_work AS
SELECT i.id, i.no, i.site_id, i.is_small, i.status, i.stage_started_at, i.served_at, i.rung_at,
       (SELECT count(*) FROM muster.import_batches b
         WHERE b.import_no = i.no AND b.state = 'claimed' AND b.expires_at > clock_timestamp()) AS claimed,
       EXISTS (SELECT FROM muster.import_batches b
         WHERE b.import_no = i.no AND b.state <> 'done'
           AND b.stage = CASE i.status WHEN 'validating' THEN 'validate' WHEN 'previewing' THEN 'preview' WHEN 'applying' THEN 'apply' END
           AND (b.state = 'waiting' AND coalesce(b.not_before <= clock_timestamp(), true)
                OR b.state = 'claimed' AND b.expires_at <= clock_timestamp())
           AND (b.number = 0 OR NOT EXISTS (
                SELECT FROM muster.import_batches f
                 WHERE f.import_no = b.import_no AND f.stage = b.stage AND f.state <> 'done' AND f.number = 0))
           AND (b.number < 2147483647 OR NOT EXISTS (
                SELECT FROM muster.import_batches f
                 WHERE f.import_no = b.import_no AND f.stage = b.stage AND f.state <> 'done' AND f.number < 2147483647))) AS has_batch
  FROM muster.imports i
 WHERE i.status IN ('validating', 'previewing', 'applying', 'pausing', 'cancelling');
COMMENT ON VIEW muster.imports_at_work IS 'claimed: how many lanes hold a batch of it; has_batch: one can be claimed now, or taken over.';

ALTER TABLE muster.import_rows ADD COLUMN parent_line integer;
COMMENT ON COLUMN muster.import_rows.parent_line IS 'The line of the parent import that this one goes on with.';
CREATE INDEX import_rows_parent ON muster.import_rows (import_no, parent_line) WHERE parent_line IS NOT NULL;

ALTER TABLE muster.import_plans ADD COLUMN segments_left bigint[];
COMMENT ON COLUMN muster.import_plans.course_does IS 'Bits: 1 enrols, 2 adds the role, 4 ends the enrolment, 8 takes the role away; 0: all stays';

ALTER TABLE muster.import_makes ADD COLUMN removes boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN muster.import_makes.removes IS 'Of an undo: it is taken away, if nothing hangs on it; is_ours then says whether it was.';

CREATE TABLE muster.import_removed (
  import_no bigint  NOT NULL,
  line      integer NOT NULL,
  what      text    NOT NULL,
  record    jsonb   NOT NULL,
  CONSTRAINT import_removed_what CHECK (what IN ('segment', 'enrolment', 'course-role'))
) PARTITION BY RANGE (import_no);
COMMENT ON TABLE muster.import_removed IS 'Memberships that a line really took away, each as it was, written by the statement that removed it.';
CREATE INDEX import_removed_line ON muster.import_removed (import_no, line);

-- Makes the partitions for all imports that are not emptied, and up to `ahead` numbers from the newest. Cheap when there is nothing to do; two at once wait for each other.
CREATE OR REPLACE FUNCTION muster.make_partitions(ahead bigint DEFAULT 512) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  newest bigint;
  lows   bigint[];
  parent text;
  child  text;
  low    bigint;
  made   integer := 0;
BEGIN
  SELECT coalesce(max(no), 0) INTO newest FROM muster.imports;
  lows := ARRAY (SELECT (no / 256) * 256 FROM muster.imports WHERE emptied_at IS NULL
                  UNION
                 SELECT generate_series((newest / 256) * 256, newest + ahead, 256) ORDER BY 1);
  PERFORM pg_advisory_xact_lock(hashtext('muster.make_partitions'));
  FOREACH parent IN ARRAY ARRAY['import_rows', 'import_clashes', 'import_plans', 'import_issues', 'import_removed'] LOOP
    FOREACH low IN ARRAY lows LOOP
      child := format('%s_%s', parent, low / 256);
      CONTINUE WHEN to_regclass('muster.' || child) IS NOT NULL;
      EXECUTE format('CREATE TABLE muster.%I (LIKE muster.%I INCLUDING ALL)', child, parent);
      EXECUTE format('ALTER TABLE muster.%I ATTACH PARTITION muster.%I FOR VALUES FROM (%s) TO (%s)', parent, child, low, low + 256);
      made := made + 1;
    END LOOP;
  END LOOP;
  RETURN made;
END $$;

SELECT muster.make_partitions();

-- Who has or had a username? Deleted people keep theirs; what a rename or a deletion for good takes away is kept here, whoever does it.

CREATE INDEX users_of_the_deleted ON lms.users (site_id, username) WHERE deleted_at IS NOT NULL;

CREATE TABLE lms.former_usernames (
  site_id  integer NOT NULL,
  username text COLLATE "C" NOT NULL,
  user_id  bigint NOT NULL,
  until    timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT former_usernames_pk PRIMARY KEY (site_id, username, user_id)
);
COMMENT ON TABLE lms.former_usernames IS 'Usernames that people had before they were renamed or deleted for good. No foreign keys: the row it came from had them.';

CREATE FUNCTION lms.remember_renamed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO lms.former_usernames (site_id, username, user_id) VALUES (OLD.site_id, OLD.username, OLD.id)
      ON CONFLICT ON CONSTRAINT former_usernames_pk DO UPDATE SET until = EXCLUDED.until;
  RETURN NULL;
END $$;

CREATE FUNCTION lms.remember_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO lms.former_usernames (site_id, username, user_id) SELECT site_id, username, id FROM gone
      ON CONFLICT ON CONSTRAINT former_usernames_pk DO UPDATE SET until = EXCLUDED.until;
  RETURN NULL;
END $$;

-- Not even looked at by an update that does not set the username. A statement may delete a million people: one insert for all of them.
CREATE TRIGGER users_renamed AFTER UPDATE OF username ON lms.users
  FOR EACH ROW WHEN (OLD.username IS DISTINCT FROM NEW.username) EXECUTE FUNCTION lms.remember_renamed();
CREATE TRIGGER users_deleted AFTER DELETE ON lms.users
  REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION lms.remember_deleted();
