-- A batch says in which step of its stage it belongs, and no longer by special numbers; and one that gave up is `failed`, as its import is.
-- (An older worker or api would take what comes before all others for one of them, and would not find what failed: end them first.)

ALTER TABLE muster.import_batches
  ADD COLUMN step text NOT NULL DEFAULT 'main',
  ADD CONSTRAINT import_batches_step CHECK (step IN ('before', 'main', 'after')),
  DROP CONSTRAINT import_batches_state;
COMMENT ON COLUMN muster.import_batches.step IS 'before all others: preview clears what an earlier try left, apply makes what the file names and lets it make. after all others: an undo takes away what the undone import made.';
COMMENT ON COLUMN muster.import_batches.number IS 'Tells the batches of a stage apart, and says in which order those of a step are taken, nothing else. (Those of main count up from 1, others down from 0; of after it was 2147483647 once.)';

UPDATE muster.import_batches SET step = CASE number WHEN 0 THEN 'before' ELSE 'after' END WHERE number IN (0, 2147483647);
UPDATE muster.import_batches SET state = 'failed' WHERE state = 'stuck';
ALTER TABLE muster.import_batches
  ADD CONSTRAINT import_batches_state CHECK (state IN ('waiting', 'claimed', 'done', 'failed'));

-- Whose turn it is, is looked up for each batch that might be taken.
DROP INDEX muster.import_batches_open;
CREATE INDEX import_batches_open ON muster.import_batches (import_no, stage, step, number) WHERE state <> 'done';

-- The view imports_at_work asks this one, and stays as it is.
CREATE OR REPLACE VIEW muster.claimable_batches AS
SELECT b.import_no, b.stage, b.number
  FROM muster.import_batches b
  JOIN muster.imports i ON i.no = b.import_no
 WHERE b.state <> 'done'
   AND b.stage = CASE i.status WHEN 'validating' THEN 'validate' WHEN 'previewing' THEN 'preview' WHEN 'applying' THEN 'apply' END
   AND (b.state = 'waiting' AND coalesce(b.not_before <= clock_timestamp(), true)
        OR b.state = 'claimed' AND b.expires_at <= clock_timestamp())
   AND (b.step = 'before' OR NOT EXISTS (
        SELECT FROM muster.import_batches f
         WHERE f.import_no = b.import_no AND f.stage = b.stage AND f.state <> 'done' AND f.step = 'before'))
   AND (b.step <> 'after' OR NOT EXISTS (
        SELECT FROM muster.import_batches f
         WHERE f.import_no = b.import_no AND f.stage = b.stage AND f.state <> 'done' AND f.step IN ('before', 'main')));
