-- An import: one file and all that happens to it. Read this page, then shared/src/model/status.rs.
--
--   imports         the header: who, what, how, where it stands
--   import_batches  the work, in pieces that are claimed, done and counted one by one
--   import_rows     the file's lines as they were read
--   import_clashes  what two different lines may not share, found once for the whole file
--   import_plans    what each line would do; apply executes these and nothing else
--   import_issues   what is wrong, by line                 import_issue_groups   the same, counted
--   import_outcomes what came out otherwise than planned   import_makes          what the file names and lets Muster make
--
-- No counter lives in `imports`: a lane that wrote it would hold the row for a whole batch, and a request to stop would wait.
-- Progress is the sum over the batches.

CREATE TABLE muster.imports (
  id               uuid PRIMARY KEY,
  no               bigint GENERATED ALWAYS AS IDENTITY,
  site_id          integer NOT NULL REFERENCES muster.sites,
  recipe           text NOT NULL,
  kind             text NOT NULL,
  settings         jsonb NOT NULL,
  mapping          jsonb NOT NULL DEFAULT '{}',
  fields           text[] NOT NULL,
  status           text NOT NULL,
  status_version   integer NOT NULL DEFAULT 1,
  stage_failed     text,
  failure          jsonb,
  rejected         jsonb,
  preview_try      smallint NOT NULL DEFAULT 1,
  is_small         boolean NOT NULL,
  file_name        text,
  file_key         text NOT NULL,
  file_bytes       bigint NOT NULL,
  file_expanded_bytes bigint NOT NULL,
  file_sha256      bytea NOT NULL,
  file_compression text,
  file_reading     jsonb NOT NULL,
  file_columns     text[] NOT NULL DEFAULT '{}',
  file_sample      jsonb NOT NULL DEFAULT '[]',
  file_issues      jsonb NOT NULL DEFAULT '[]',
  lines            integer,
  created_by       uuid NOT NULL REFERENCES muster.accounts,
  created_at       timestamptz NOT NULL,
  stage_started_at timestamptz NOT NULL,
  rung_at          timestamptz,
  ready_at         timestamptz,
  applied_by       uuid REFERENCES muster.accounts,
  applied_at       timestamptz,
  settled_at       timestamptz,
  expires_at       timestamptz NOT NULL,
  CONSTRAINT imports_no UNIQUE (no),
  CONSTRAINT imports_status CHECK (status IN ('validating', 'rejected', 'previewing', 'ready', 'applying', 'pausing', 'paused',
                                              'cancelling', 'cancelled', 'applied', 'failed')),
  CONSTRAINT imports_failed_stage CHECK ((status = 'failed') = (stage_failed IS NOT NULL)),
  CONSTRAINT imports_rejected CHECK (status <> 'rejected' OR rejected IS NOT NULL)
) WITH (fillfactor = 70);
COMMENT ON COLUMN muster.imports.id IS 'UUIDv7, for the world; in order of creation.';
COMMENT ON COLUMN muster.imports.no IS 'Short, for the big tables and lms.*.source.';
COMMENT ON COLUMN muster.imports.fields IS 'Meaning of the positions in import_plans.before and .after.';
COMMENT ON COLUMN muster.imports.status_version IS 'Counts changes of status; what ETag and If-Match show. Progress does not change it.';
COMMENT ON COLUMN muster.imports.preview_try IS 'Counts previews; each makes its batches and plans anew.';
COMMENT ON COLUMN muster.imports.is_small IS 'By bytes at intake: goes over the express queue.';
COMMENT ON COLUMN muster.imports.file_reading IS 'Encoding and delimiter: value, how sure, given or found.';
COMMENT ON COLUMN muster.imports.file_issues IS 'Issues of the file as a whole that its header gave rise to.';
COMMENT ON COLUMN muster.imports.rung_at IS 'When the rescuer last pushed a wake for it.';
COMMENT ON COLUMN muster.imports.applied_at IS 'When apply was asked for; settled_at: when it came to its end.';
CREATE INDEX imports_of_site ON muster.imports (site_id, id DESC);
CREATE INDEX imports_working ON muster.imports (id) WHERE status IN ('validating', 'previewing', 'applying', 'pausing', 'cancelling');

CREATE TABLE muster.import_history (
  import_no  bigint      NOT NULL REFERENCES muster.imports (no),
  version    integer     NOT NULL,
  status     text        NOT NULL,
  at         timestamptz NOT NULL DEFAULT clock_timestamp(),
  account_id uuid REFERENCES muster.accounts,
  CONSTRAINT import_history_pk PRIMARY KEY (import_no, version)
);
COMMENT ON TABLE muster.import_history IS 'Every status an import had: since when, and who asked (NULL: the worker).';

CREATE TABLE muster.import_batches (
  import_no  bigint   NOT NULL REFERENCES muster.imports (no),
  stage      text     NOT NULL,
  number     integer  NOT NULL,
  low        bigint   NOT NULL,
  high       bigint   NOT NULL,
  state      text     NOT NULL DEFAULT 'waiting',
  token      uuid,
  expires_at timestamptz,
  attempts   smallint NOT NULL DEFAULT 0,
  retries    smallint NOT NULL DEFAULT 0,
  lines      integer  NOT NULL DEFAULT 0,
  progress   bigint   NOT NULL DEFAULT 0,
  tally      jsonb    NOT NULL DEFAULT '{}',
  effects    jsonb    NOT NULL DEFAULT '{}',
  done_by    text,
  CONSTRAINT import_batches_pk PRIMARY KEY (import_no, stage, number),
  CONSTRAINT import_batches_stage CHECK (stage IN ('validate', 'preview', 'apply')),
  CONSTRAINT import_batches_state CHECK (state IN ('waiting', 'claimed', 'done', 'stuck')),
  CONSTRAINT import_batches_claim CHECK ((state = 'claimed') = (token IS NOT NULL) AND (state = 'claimed') = (expires_at IS NOT NULL))
) WITH (fillfactor = 50);
COMMENT ON TABLE muster.import_batches IS 'A range of work, done in one transaction (validate: the whole file, in fenced chunks).';
COMMENT ON COLUMN muster.import_batches.number IS '0 comes before all others: preview clears what an earlier try left, apply makes what the file names and lets it make.';
COMMENT ON COLUMN muster.import_batches.low IS 'preview: slots [low, high); apply: ids of subjects [low, high)';
COMMENT ON COLUMN muster.import_batches.attempts IS 'Counted at the claim, taken back when a lane gives it back in good order.';
COMMENT ON COLUMN muster.import_batches.retries IS 'Times it was given back because the system, not the data, was in the way.';
COMMENT ON COLUMN muster.import_batches.progress IS 'validate: bytes of the file that are read and staged.';
COMMENT ON COLUMN muster.import_batches.done_by IS 'Name of the worker that finished it.';
CREATE INDEX import_batches_open ON muster.import_batches (import_no, stage, number) WHERE state <> 'done';

-- The big tables: partitions of 256 imports each, made ahead by muster.make_partitions(), attached rather than created in place:
-- CREATE … PARTITION OF would wait for every open reader of the others, and everything else would queue behind it.

CREATE TABLE muster.import_rows (
  import_no bigint   NOT NULL,
  line      integer  NOT NULL,
  slot      smallint NOT NULL,
  key       text COLLATE "C",
  claims    text[] COLLATE "C",
  cells     text[]   NOT NULL,
  issues    jsonb,
  CONSTRAINT import_rows_pk PRIMARY KEY (import_no, line),
  -- An index entry past 2.7 kB would fail the whole COPY.
  CONSTRAINT import_rows_key CHECK (octet_length(key) <= 400)
) PARTITION BY RANGE (import_no);
COMMENT ON COLUMN muster.import_rows.line IS 'Physical line on which the record starts; the header is line 1.';
COMMENT ON COLUMN muster.import_rows.slot IS '0 to 4095 by the key (of a line without one: by its number); all lines of one subject share it.';
COMMENT ON COLUMN muster.import_rows.key IS 'Normalised; NULL when missing, over-long or malformed.';
COMMENT ON COLUMN muster.import_rows.claims IS 'Normalised values, other than the key, that no two subjects may share; positions as the kind names them.';
COMMENT ON COLUMN muster.import_rows.issues IS 'What was wrong with the shape of the record; its cells are judged by preview.';
CREATE INDEX import_rows_slot ON muster.import_rows (import_no, slot);

CREATE TABLE muster.import_clashes (
  import_no  bigint  NOT NULL,
  line       integer NOT NULL,
  claim      smallint NOT NULL,
  first_line integer NOT NULL,
  CONSTRAINT import_clashes_pk PRIMARY KEY (import_no, line, claim)
) PARTITION BY RANGE (import_no);
COMMENT ON TABLE muster.import_clashes IS 'Facts of the file, judged by preview: an address that is not written clashes with nothing.';

CREATE TABLE muster.import_plans (
  import_no       bigint   NOT NULL,
  line            integer  NOT NULL,
  subject         bigint,
  place           bigint GENERATED ALWAYS AS (subject >> 10) STORED,
  turn            smallint NOT NULL DEFAULT 1,
  action          "char"   NOT NULL,
  target_id       bigint,
  target_version  bigint,
  mask            bigint   NOT NULL DEFAULT 0,
  before          text[],
  after           text[],
  segments_joined bigint[],
  segments_there  bigint[],
  courses         bigint[],
  course_roles    integer[],
  course_does     smallint[],
  CONSTRAINT import_plans_pk PRIMARY KEY (import_no, line),
  CONSTRAINT import_plans_action CHECK (action IN ('c', 'u', 'n', 's', 'd', 'r')),
  CONSTRAINT import_plans_subject CHECK (action IN ('s', 'r') OR subject IS NOT NULL)
) PARTITION BY RANGE (import_no);
COMMENT ON COLUMN muster.import_plans.subject IS 'Id of the person, segment or course that the line is about; new ones have theirs reserved. NULL: nothing to execute.';
COMMENT ON COLUMN muster.import_plans.place IS 'Where apply takes it: neighbours in the tables are done together.';
COMMENT ON COLUMN muster.import_plans.turn IS 'The how-manieth line of its subject that does something.';
COMMENT ON COLUMN muster.import_plans.action IS 'c create, u update, n unchanged, s skip, d delete, r reject';
COMMENT ON COLUMN muster.import_plans.target_version IS 'As preview found it, the same on all lines of a subject; NULL: it was not there.';
COMMENT ON COLUMN muster.import_plans.mask IS 'Bit i: imports.fields[i] is written.';
COMMENT ON COLUMN muster.import_plans.courses IS 'One position for each course and role that the line names; course_roles and course_does have the same positions.';
COMMENT ON COLUMN muster.import_plans.course_does IS 'Bits: 1 enrols, 2 adds the role; 0: both are there already';
CREATE INDEX import_plans_place ON muster.import_plans (import_no, place);
CREATE INDEX import_plans_action ON muster.import_plans (import_no, action, line);

-- The plans of an import whose subjects lie in [low, high): what one batch of apply executes. Found by place, whose index is small.
CREATE FUNCTION muster.plans_of(import_no bigint, low bigint, high bigint) RETURNS SETOF muster.import_plans LANGUAGE sql STABLE AS $$
  SELECT p.* FROM muster.import_plans p
   WHERE p.import_no = plans_of.import_no AND p.place BETWEEN low >> 10 AND (high - 1) >> 10 AND p.subject >= low AND p.subject < high
$$;

CREATE TABLE muster.import_issues (
  import_no  bigint  NOT NULL,
  line       integer NOT NULL,
  nth        smallint NOT NULL,
  code       text COLLATE "C" NOT NULL,
  severity   "char"  NOT NULL,
  column_name text COLLATE "C",
  value      text COLLATE "C",
  message    text    NOT NULL,
  suggestion text,
  CONSTRAINT import_issues_pk PRIMARY KEY (import_no, line, nth),
  CONSTRAINT import_issues_severity CHECK (severity IN ('e', 'w', 'i')),
  CONSTRAINT import_issues_value CHECK (octet_length(value) <= 1000)
) PARTITION BY RANGE (import_no);
COMMENT ON COLUMN muster.import_issues.severity IS 'e error, w warning, i info';
COMMENT ON COLUMN muster.import_issues.value IS 'The cell, cut to 200 characters.';
CREATE INDEX import_issues_code ON muster.import_issues (import_no, code, line);

CREATE TABLE muster.import_issue_groups (
  import_no   bigint   NOT NULL REFERENCES muster.imports (no),
  number      integer  NOT NULL,
  code        text     NOT NULL,
  severity    "char"   NOT NULL,
  column_name text,
  value       text,
  count       bigint   NOT NULL,
  first_line  integer,
  message     text     NOT NULL,
  suggestion  text,
  CONSTRAINT import_issue_groups_pk PRIMARY KEY (import_no, number)
);
COMMENT ON TABLE muster.import_issue_groups IS 'Issues by code, column and value, written when preview is through; numbered errors first, then by count.';
COMMENT ON COLUMN muster.import_issue_groups.first_line IS 'NULL: an issue of the file.';

CREATE TABLE muster.import_outcomes (
  import_no bigint  NOT NULL,
  line      integer NOT NULL,
  outcome   text    NOT NULL,
  code      text    NOT NULL,
  message   text    NOT NULL,
  CONSTRAINT import_outcomes_pk PRIMARY KEY (import_no, line),
  CONSTRAINT import_outcomes_outcome CHECK (outcome IN ('created', 'updated', 'unchanged', 'deleted', 'held', 'failed'))
);
COMMENT ON TABLE muster.import_outcomes IS 'Only what came out otherwise than planned; the rest follows from the plan and its batch being done.';

CREATE TABLE muster.import_makes (
  import_no   bigint NOT NULL REFERENCES muster.imports (no),
  what        text   NOT NULL,
  scope       bigint NOT NULL,
  key         text COLLATE "C" NOT NULL,
  depth       smallint NOT NULL DEFAULT 0,
  reserved_id bigint NOT NULL,
  actual_id   bigint,
  is_ours     boolean,
  CONSTRAINT import_makes_pk PRIMARY KEY (import_no, what, scope, key),
  CONSTRAINT import_makes_what CHECK (what IN ('category'))
);
COMMENT ON TABLE muster.import_makes IS 'Things that plans name by a reserved id and that apply''s batch 0 makes; somebody else may have been quicker (actual_id, not is_ours).';
COMMENT ON COLUMN muster.import_makes.scope IS 'Id of the parent, real or reserved; 0: none';
CREATE INDEX import_makes_reserved ON muster.import_makes (import_no, reserved_id);

-- Makes the partitions for all imports that are not at their end, and up to `ahead` numbers from the newest. Cheap when there is nothing to do; two at once wait for each other.
CREATE FUNCTION muster.make_partitions(ahead bigint DEFAULT 512) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  oldest bigint;
  newest bigint;
  parent text;
  child  text;
  low    bigint;
  made   integer := 0;
BEGIN
  SELECT coalesce(max(no), 0) INTO newest FROM muster.imports;
  SELECT coalesce(min(no), newest) INTO oldest FROM muster.imports WHERE settled_at IS NULL;
  PERFORM pg_advisory_xact_lock(hashtext('muster.make_partitions'));
  FOREACH parent IN ARRAY ARRAY['import_rows', 'import_clashes', 'import_plans', 'import_issues'] LOOP
    FOR low IN SELECT generate_series((oldest / 256) * 256, newest + ahead, 256) LOOP
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
