
-- ------------------------------------------------------------------ core

CREATE FUNCTION community.next_id() RETURNS pg_catalog.int8
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_next_id';
COMMENT ON FUNCTION community.next_id() IS
'next id for a row of any program, distinct on every node';
REVOKE ALL ON FUNCTION community.next_id() FROM PUBLIC;

CREATE FUNCTION community.note_change()
RETURNS pg_catalog.trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_note_change';
COMMENT ON FUNCTION community.note_change IS
'trigger on configuration: makes every session read the table again';
REVOKE ALL ON FUNCTION community.note_change FROM PUBLIC;
