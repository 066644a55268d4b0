
-- --------------------------------------------------------------------- tier

CREATE FUNCTION community.evaluate(
	member pg_catalog.int8,
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (ladder pg_catalog.text, from_tier pg_catalog.text, to_tier pg_catalog.text)
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1
AS 'MODULE_PATHNAME', 'community_evaluate';
COMMENT ON FUNCTION community.evaluate IS
'works a member''s tiers out until a time and writes them down; gives the ladders on which the tier held then is another';
REVOKE ALL ON FUNCTION community.evaluate FROM PUBLIC;

CREATE PROCEDURE community.review_tiers(
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
LANGUAGE C
AS 'MODULE_PATHNAME', 'community_review_tiers';
COMMENT ON PROCEDURE community.review_tiers IS
'works out and writes down what time has changed of the tiers of all members, in batches that commit';
REVOKE ALL ON PROCEDURE community.review_tiers FROM PUBLIC;

CREATE FUNCTION community.tier(
	member pg_catalog.int8,
	ladder pg_catalog.text,
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	known_at pg_catalog.timestamptz DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.text
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_tier';
COMMENT ON FUNCTION community.tier IS
'the tier of a member on a ladder at a time, the highest over all sources, null for none; right whether it was reviewed or not; with known_at what was believed at that time';
REVOKE ALL ON FUNCTION community.tier FROM PUBLIC;

CREATE FUNCTION community.tenures(
	member pg_catalog.int8,
	ladder pg_catalog.text,
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (tier pg_catalog.text, rank pg_catalog.int4, source pg_catalog.text,
	during pg_catalog.tstzrange, ends_at pg_catalog.timestamptz, version_id pg_catalog.int8,
	reason pg_catalog.text)
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 10
AS 'MODULE_PATHNAME', 'community_tenures';
COMMENT ON FUNCTION community.tenures IS
'the tenures of a member on a ladder by qualification until a time, worked out from the beginning';
REVOKE ALL ON FUNCTION community.tenures FROM PUBLIC;

CREATE FUNCTION community.tier_is_attained(
	member pg_catalog.int8,
	ladder pg_catalog.text,
	tier pg_catalog.text,
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.bool
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_tier_is_attained';
COMMENT ON FUNCTION community.tier_is_attained IS
'whether a member meets at a time what a tier of the version then in force requires, with an invitation where it needs one';
REVOKE ALL ON FUNCTION community.tier_is_attained FROM PUBLIC;

CREATE FUNCTION community.tenures_as_of(
	member pg_catalog.int8,
	ladder_id pg_catalog.int8,
	as_of pg_catalog.timestamptz,
	program pg_catalog.int8)
RETURNS TABLE (tier pg_catalog.text, rank pg_catalog.int4, source pg_catalog.text,
	during pg_catalog.tstzrange)
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 2
AS 'MODULE_PATHNAME', 'community_tenures_as_of';
COMMENT ON FUNCTION community.tenures_as_of IS
'what a member holds on a ladder at a time by all sources, whether it was written down or not; a tier by qualification is shown without end';
REVOKE ALL ON FUNCTION community.tenures_as_of FROM PUBLIC;
