
-- ----------------------------------------------------------- reading tiers

CREATE FUNCTION community.progress(
	member pg_catalog.int8,
	ladder pg_catalog.text,
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (tier pg_catalog.text, goal pg_catalog.text, requirement pg_catalog.int4,
	measure pg_catalog.text, period pg_catalog.text, have pg_catalog."numeric",
	need pg_catalog."numeric", missing pg_catalog."numeric", loses_at pg_catalog.timestamptz,
	falls_at pg_catalog.timestamptz, at_most pg_catalog.bool)
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

CREATE FUNCTION community.explain_tier(
	member pg_catalog.int8,
	ladder pg_catalog.text,
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (tier pg_catalog.text, rank pg_catalog.int4, source pg_catalog.text,
	during pg_catalog.tstzrange, ends_at pg_catalog.timestamptz, reason pg_catalog.text,
	key pg_catalog.text, version_id pg_catalog.int8, published_at pg_catalog.timestamptz,
	requirement pg_catalog.int4, measure pg_catalog.text, period pg_catalog.text,
	need pg_catalog."numeric", had pg_catalog."numeric", met pg_catalog.bool,
	event_id pg_catalog.int8, occurred_at pg_catalog.timestamptz, amount pg_catalog."numeric",
	at_most pg_catalog.bool)
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 20
AS 'MODULE_PATHNAME', 'community_explain_tier';
COMMENT ON FUNCTION community.explain_tier IS
'why a member holds a tier at a time: the tenure, the version of the ladder that decided, each requirement as it was judged, and the events that counted';
REVOKE ALL ON FUNCTION community.explain_tier FROM PUBLIC;

CREATE FUNCTION community.tier_history(
	member pg_catalog.int8,
	ladder pg_catalog.text DEFAULT NULL,
	known_at pg_catalog.timestamptz DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (ladder_name pg_catalog.text, tier pg_catalog.text, rank pg_catalog.int4,
	source pg_catalog.text, during pg_catalog.tstzrange, ends_at pg_catalog.timestamptz,
	reason pg_catalog.text, recorded_at pg_catalog.timestamptz,
	superseded_at pg_catalog.timestamptz)
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 20
AS 'MODULE_PATHNAME', 'community_tier_history';
COMMENT ON FUNCTION community.tier_history IS
'the tiers that a member has held, worked out by what is known now; with known_at those that were believed then';
REVOKE ALL ON FUNCTION community.tier_history FROM PUBLIC;
