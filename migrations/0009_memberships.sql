-- Memberships. Held for those who write it.

SELECT 1;
