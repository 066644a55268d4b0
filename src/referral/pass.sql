
-- ------------------------------------------------------ the whole forest

CREATE FUNCTION community.downline_sizes(
	as_of pg_catalog.timestamptz DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (
	member_id pg_catalog.int8,
	sponsor_id pg_catalog.int8,
	root_id pg_catalog.int8,
	depth pg_catalog.int4,
	invitees pg_catalog.int4,
	downline pg_catalog.int4,
	levels pg_catalog.int4,
	reached pg_catalog.bool)
LANGUAGE C STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'community_downline_sizes';
COMMENT ON FUNCTION community.downline_sizes IS
'every member of the forest with the root of its tree, its depth, how many it brought itself, how many stand below it and on how many levels; members of a ring or below one are not reached from a root';
REVOKE ALL ON FUNCTION community.downline_sizes FROM PUBLIC;

CREATE FUNCTION community.structural_virality(
	as_of pg_catalog.timestamptz DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (
	root_id pg_catalog.int8,
	members pg_catalog.int4,
	wiener pg_catalog.numeric,
	virality pg_catalog.float8,
	average_depth pg_catalog.float8,
	maximum_depth pg_catalog.int4,
	largest_broadcast pg_catalog.float8)
LANGUAGE C STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'community_structural_virality';
COMMENT ON FUNCTION community.structural_virality IS
'every tree of the forest with its Wiener index, the mean distance between two of its members, their depths and the share that one member brought; a row without root counts the members whom no root reaches';
REVOKE ALL ON FUNCTION community.structural_virality FROM PUBLIC;
