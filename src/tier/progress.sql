
-- ----------------------------------------------------------- reading tiers

CREATE FUNCTION community.progress(
	member pg_catalog.int8,
	ladder pg_catalog.text,
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (tier pg_catalog.text, goal pg_catalog.text, requirement pg_catalog.int4,
	measure pg_catalog.text, period pg_catalog.text, have pg_catalog."numeric",
	need pg_catalog."numeric", missing pg_catalog."numeric", loses_at pg_catalog.timestamptz,
	falls_at pg_catalog.timestamptz)
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 5
AS 'MODULE_PATHNAME', 'community_progress';
COMMENT ON FUNCTION community.progress IS
'what keeps the tier that a member qualified for and what would reach higher ones, how much of it there is, and when the tier will be lost if nothing more happens';
REVOKE ALL ON FUNCTION community.progress FROM PUBLIC;

CREATE FUNCTION community.projected_tier(
	member pg_catalog.int8,
	ladder pg_catalog.text,
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program(),
	OUT tier pg_catalog.text,
	OUT at pg_catalog.timestamptz)
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_projected_tier';
COMMENT ON FUNCTION community.projected_tier IS
'the tier of a member once the running term or grace has ended, if nothing more happens, and when that is';
REVOKE ALL ON FUNCTION community.projected_tier FROM PUBLIC;
