-- Limits of a site have highest values from now on, up to which Muster is made for them (`shared/src/model/site.rs`). What is stored
-- beyond them comes down to them.

UPDATE muster.sites
   SET settings = jsonb_set(settings, '{limits}', (
         SELECT jsonb_object_agg(l.key, to_jsonb(least(l.value::text::numeric, highest)))
           FROM jsonb_each(settings -> 'limits') l
           JOIN (VALUES ('file_bytes', 1000000000000), ('expanded_bytes', 1000000000000), ('expansion_ratio', 10000),
                        ('lines', 1000000000), ('columns', 10000), ('numbered_columns', 10000), ('record_bytes', 16777216),
                        ('lines_of_one_subject', 10000), ('open_imports', 10000)) m (key, highest) ON m.key = l.key))
 WHERE settings -> 'limits' <> '{}';
