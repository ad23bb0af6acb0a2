-- Held for the steps of batches.
SELECT 1;
