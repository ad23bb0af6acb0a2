-- The steps of batches. Held for those who write it.

SELECT 1;
