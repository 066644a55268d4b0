
-- ---------------------------------------------------------------- labels

CREATE FUNCTION community.downline_count(
	member pg_catalog.int8,
	as_of pg_catalog.timestamptz DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int8
LANGUAGE C STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'community_downline_count';
COMMENT ON FUNCTION community.downline_count IS
'how many members stand below one, on all levels; exact at any moment';
REVOKE ALL ON FUNCTION community.downline_count FROM PUBLIC;

CREATE FUNCTION community.relabel_referrals(
	program pg_catalog.int8 DEFAULT community.current_program(),
	OUT labelled pg_catalog.int8,
	OUT waits_for pg_catalog.text)
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_relabel_referrals';
COMMENT ON FUNCTION community.relabel_referrals IS
'gives all members of the forest the labels by which downlines are counted; the first time in steps, each of which says what it waits for';
REVOKE ALL ON FUNCTION community.relabel_referrals FROM PUBLIC;
