\set ON_ERROR_STOP on
SET jit = off;
SET work_mem = '512MB';
SET maintenance_work_mem = '512MB';
