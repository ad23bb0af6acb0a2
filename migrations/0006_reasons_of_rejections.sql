-- What is told of a file that was rejected may repeat its cells, as when it has no header. Imports that are let go lose that from now on;
-- those that were let go before lose it here.

UPDATE muster.imports
   SET rejected = (SELECT jsonb_agg(r - 'column' - 'value' - 'suggestion' || '{"message": "What was wrong is no longer kept."}')
                     FROM jsonb_array_elements(rejected) r)
 WHERE pruned_at IS NOT NULL AND rejected IS NOT NULL;
