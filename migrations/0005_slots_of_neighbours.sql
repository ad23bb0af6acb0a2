-- Slots hold neighbours: preview looks up, and apply creates, subjects whose names lie side by side in the indexes. Where the borders lie
-- is sampled from the file before its lines are staged. (An older worker that goes on with a file which a newer one began would divide the
-- rest of it by a hash, and lines of one subject might part: end the older workers first.)

CREATE TABLE muster.import_slots (
  import_no    bigint NOT NULL REFERENCES muster.imports (no),
  bounds       text[] COLLATE "C" NOT NULL,
  line_weights integer[] NOT NULL,
  CONSTRAINT import_slots_pk PRIMARY KEY (import_no),
  CONSTRAINT import_slots_bounds CHECK (cardinality(bounds) < 4096),
  CONSTRAINT import_slots_line_weights CHECK (cardinality(line_weights) = cardinality(bounds) + 1)
);
COMMENT ON TABLE muster.import_slots IS 'How the keys of an import are divided into slots. Without a row: by a hash of the key, as imports were that came before this table.';
COMMENT ON COLUMN muster.import_slots.bounds IS 'Ascending: the slot of a key is how many of them are not greater than it.';
COMMENT ON COLUMN muster.import_slots.line_weights IS 'By slot, from 0: what a line of it weighs on average, in bytes that a lane holds. By them slots become batches.';
COMMENT ON COLUMN muster.import_rows.slot IS '0 to 4095 by the key (of a line without one: by its number); all lines of one subject share it. See import_slots.';
