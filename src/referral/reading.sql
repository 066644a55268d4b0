
-- ----------------------------------------------------- reading the forest

-- a type of its own, as the server would make the description of columns
-- anew for each call
CREATE TYPE community.referral_above AS (level pg_catalog.int4, member_id pg_catalog.int8,
	joined_at pg_catalog.timestamptz, lapses_at pg_catalog.timestamptz);
COMMENT ON TYPE community.referral_above IS 'a row of upline(): who stands above a member';

CREATE FUNCTION community.upline(
	member pg_catalog.int8,
	levels pg_catalog.int4 DEFAULT NULL,
	as_of pg_catalog.timestamptz DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS SETOF community.referral_above
LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10
AS 'MODULE_PATHNAME', 'community_upline';
COMMENT ON FUNCTION community.upline IS
'who stands above a member, nearest first, up to so many levels; with when the one below was brought, and when that binding lapses';
REVOKE ALL ON FUNCTION community.upline FROM PUBLIC;

CREATE FUNCTION community.downline(
	member pg_catalog.int8,
	levels pg_catalog.int4 DEFAULT NULL,
	as_of pg_catalog.timestamptz DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (level pg_catalog.int4, member_id pg_catalog.int8,
	sponsor_id pg_catalog.int8, joined_at pg_catalog.timestamptz)
LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 1000
AS 'MODULE_PATHNAME', 'community_downline';
COMMENT ON FUNCTION community.downline IS
'who stands below a member, level by level, down to so many levels, and those of one sponsor together, by id';
REVOKE ALL ON FUNCTION community.downline FROM PUBLIC;

CREATE FUNCTION community.is_upline(
	ancestor pg_catalog.int8,
	member pg_catalog.int8,
	as_of pg_catalog.timestamptz DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.bool
LANGUAGE C STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'community_is_upline';
COMMENT ON FUNCTION community.is_upline IS
'whether the one member stands above the other, at any level; nobody stands above itself';
REVOKE ALL ON FUNCTION community.is_upline FROM PUBLIC;

CREATE FUNCTION community.generation(
	member pg_catalog.int8,
	as_of pg_catalog.timestamptz DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int4
LANGUAGE C STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'community_generation';
COMMENT ON FUNCTION community.generation IS
'how many stand above a member; 0 for a root';
REVOKE ALL ON FUNCTION community.generation FROM PUBLIC;

CREATE FUNCTION community.common_sponsor(
	a pg_catalog.int8,
	b pg_catalog.int8,
	as_of pg_catalog.timestamptz DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int8
LANGUAGE C STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'community_common_sponsor';
COMMENT ON FUNCTION community.common_sponsor IS
'the nearest member in whose tree both stand, one of the two perhaps; null when their trees have different roots';
REVOKE ALL ON FUNCTION community.common_sponsor FROM PUBLIC;

-- ---------------------------------------------------------------- drawing

CREATE FUNCTION community.referral_tree(
	member pg_catalog.int8,
	depth pg_catalog.int4 DEFAULT 3,
	width pg_catalog.int4 DEFAULT 20,
	ladder pg_catalog.text DEFAULT NULL,
	as_of pg_catalog.timestamptz DEFAULT NULL,
	charset pg_catalog.text DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS SETOF pg_catalog.text
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 100
AS 'MODULE_PATHNAME', 'community_referral_tree';
COMMENT ON FUNCTION community.referral_tree IS
'draws who stands below a member, as lines of text: name, tier and volume of each, and the volume and number of all below it';
REVOKE ALL ON FUNCTION community.referral_tree FROM PUBLIC;

CREATE FUNCTION community.referral_graph(
	member pg_catalog.int8,
	depth pg_catalog.int4 DEFAULT 3,
	format pg_catalog.text DEFAULT 'dot',
	width pg_catalog.int4 DEFAULT 20,
	ladder pg_catalog.text DEFAULT NULL,
	as_of pg_catalog.timestamptz DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.text
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_referral_graph';
COMMENT ON FUNCTION community.referral_graph IS
'the same drawing as referral_tree() as a graph, for Graphviz (dot) or for Mermaid (mermaid)';
REVOKE ALL ON FUNCTION community.referral_graph FROM PUBLIC;
