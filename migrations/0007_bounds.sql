-- What one file can cost is bounded in what it holds in memory, not in lines; what an undo takes away is compared whole; whatever repeats
-- cells goes when an import is let go; and a lane that looks for work looks at what it may take, not at everything.

ALTER TABLE muster.import_rows ADD COLUMN bytes_held integer;
COMMENT ON COLUMN muster.import_rows.bytes_held IS 'Bytes of memory that its cells and issues hold when they are read back. NULL: it was staged before this was counted.';

-- Whoever reads rows back must know what they will hold, of old ones too.
CREATE FUNCTION muster.bytes_held(bytes_held integer, cells text[]) RETURNS integer LANGUAGE sql STABLE AS $$
  SELECT coalesce(bytes_held, octet_length(cells::text) + 24 * cardinality(cells))
$$;

ALTER TABLE muster.imports ADD COLUMN enrols_from timestamptz;
COMMENT ON COLUMN muster.imports.enrols_from IS 'When enrolments that it makes begin: 00:00 of the day of its preview, in the time zone that the site had then.';
UPDATE muster.imports i
   SET enrols_from = date_trunc('day', i.ready_at AT TIME ZONE coalesce(s.settings ->> 'time_zone', 'UTC'))
                     AT TIME ZONE coalesce(s.settings ->> 'time_zone', 'UTC')
  FROM muster.sites s
 WHERE s.id = i.site_id AND i.ready_at IS NOT NULL;

-- A file without a header has people for headings.
UPDATE muster.imports
   SET file_columns = '{}', mapping = '{}',
       file_issues = (SELECT coalesce(jsonb_agg(f - 'column' - 'value' - 'suggestion' || '{"message": "What was wrong is no longer kept."}'), '[]')
                        FROM jsonb_array_elements(file_issues) f)
 WHERE pruned_at IS NOT NULL;
UPDATE muster.import_batches b SET tally = tally - 'ignored_by_details'
  FROM muster.imports i
 WHERE i.no = b.import_no AND i.pruned_at IS NOT NULL AND b.tally ? 'ignored_by_details';

CREATE VIEW muster.claimable_batches AS
SELECT b.import_no, b.stage, b.number
  FROM muster.import_batches b
  JOIN muster.imports i ON i.no = b.import_no
 WHERE b.state <> 'done'
   AND b.stage = CASE i.status WHEN 'validating' THEN 'validate' WHEN 'previewing' THEN 'preview' WHEN 'applying' THEN 'apply' END
   AND (b.state = 'waiting' AND coalesce(b.not_before <= clock_timestamp(), true)
        OR b.state = 'claimed' AND b.expires_at <= clock_timestamp())
   AND (b.number = 0 OR NOT EXISTS (
        SELECT FROM muster.import_batches f
         WHERE f.import_no = b.import_no AND f.stage = b.stage AND f.state <> 'done' AND f.number = 0))
   AND (b.number < 2147483647 OR NOT EXISTS (
        SELECT FROM muster.import_batches f
         WHERE f.import_no = b.import_no AND f.stage = b.stage AND f.state <> 'done' AND f.number < 2147483647));
COMMENT ON VIEW muster.claimable_batches IS 'Batches that a lane can claim now, or take over. Ask for those of one import.';

CREATE OR REPLACE VIEW muster.imports_at_work AS
SELECT i.id, i.no, i.site_id, i.is_small, i.status, i.stage_started_at, i.served_at, i.rung_at,
       (SELECT count(*) FROM muster.import_batches b
         WHERE b.import_no = i.no AND b.state = 'claimed' AND b.expires_at > clock_timestamp()) AS claimed,
       EXISTS (SELECT FROM muster.claimable_batches b WHERE b.import_no = i.no) AS has_batch
  FROM muster.imports i
 WHERE i.status IN ('validating', 'previewing', 'applying', 'pausing', 'cancelling');

-- The plans that one turn of a batch executes: those of the lines, or, without any, all that the batch has, found by place.
CREATE FUNCTION muster.plans_in_turn(import_no bigint, low bigint, high bigint, lines integer[])
RETURNS SETOF muster.import_plans LANGUAGE sql STABLE AS $$
  SELECT p.* FROM muster.import_plans p
   WHERE lines IS NULL
     AND p.import_no = plans_in_turn.import_no AND p.place BETWEEN low >> 10 AND (high - 1) >> 10 AND p.subject >= low AND p.subject < high
   UNION ALL
  SELECT p.* FROM muster.import_plans p
   WHERE p.import_no = plans_in_turn.import_no AND p.line = ANY (lines)
$$;

-- Lines that name a value which an earlier line about another subject named, by that line: who of them keeps it depends on who writes it.
CREATE INDEX import_clashes_first ON muster.import_clashes (import_no, claim, first_line, line);

COMMENT ON COLUMN lms.users.email_key IS 'The address as mail is sent: its domain as IDNA has it, in small letters. One that was stored before is only lower-cased, until it is changed.';
