-- What this database knows to be its own: the files that it had stored, and the numbers that it gives. A restored or copied database
-- has a file store, or imports, before it of which it knows only a part; whatever it does not know it leaves alone.
--
--   uploads         the keys of files, each written before the first byte is stored, until the file is gone
--   import_numbers  how far the numbers of imports are given, and from where to where they may be

CREATE TABLE muster.uploads (
  key       text COLLATE "C" NOT NULL,
  site_id   integer NOT NULL REFERENCES muster.sites,
  import_id uuid NOT NULL,
  begun_at  timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT uploads_pk PRIMARY KEY (key)
);
COMMENT ON TABLE muster.uploads IS 'Keys in the file store that this database has given. The pruner deletes no other files.';
COMMENT ON COLUMN muster.uploads.import_id IS 'The import that it becomes. No foreign key: it is not there yet, and an upload that breaks off never becomes one.';
CREATE INDEX uploads_site ON muster.uploads (site_id, key);

INSERT INTO muster.uploads (key, site_id, import_id, begun_at)
SELECT file_key, site_id, id, created_at FROM muster.imports WHERE file_key IS NOT NULL AND emptied_at IS NULL;

-- The highest number that is stored says nothing of the next one, once a database holds imports of another.
CREATE VIEW muster.import_numbers AS
SELECT q.seqmin AS low, s.last_value AS last, q.seqmax AS high
  FROM muster.imports_no_seq s CROSS JOIN pg_sequence q
 WHERE q.seqrelid = 'muster.imports_no_seq'::regclass;
COMMENT ON VIEW muster.import_numbers IS 'A row for each sequence of imports.no. last: the newest number, or the first one while none was given.';

-- Makes the partitions for all imports that are not emptied, whoever gave their numbers, and up to `ahead` numbers from the newest. Cheap when there is nothing to do; two at once wait for each other.
CREATE OR REPLACE FUNCTION muster.make_partitions(ahead bigint DEFAULT 512) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  lows   bigint[];
  parent text;
  child  text;
  low    bigint;
  made   integer := 0;
BEGIN
  lows := ARRAY (SELECT (no / 256) * 256 FROM muster.imports WHERE emptied_at IS NULL
                  UNION
                 SELECT generate_series((n.last / 256) * 256, least(n.last + ahead, n.high), 256) FROM muster.import_numbers n ORDER BY 1);
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
