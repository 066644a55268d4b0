
CREATE FUNCTION community.holdout_point(
	salt pg_catalog.text,
	member pg_catalog.int8)
RETURNS pg_catalog.float8
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'community_holdout_point';
COMMENT ON FUNCTION community.holdout_point IS
'the lot of a member, from 0 to below 1: 52 bits of the SHA-256 of salt, colon and id';

CREATE FUNCTION community.define_holdout(
	code pg_catalog.text,
	share pg_catalog.float8,
	salt pg_catalog.text DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_define_holdout';
COMMENT ON FUNCTION community.define_holdout IS
'leaves a share of all members out of something, by lot; false when it is defined like that already';
REVOKE ALL ON FUNCTION community.define_holdout FROM PUBLIC;

CREATE FUNCTION community.in_holdout(
	member pg_catalog.int8,
	code pg_catalog.text,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.bool
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_in_holdout';
COMMENT ON FUNCTION community.in_holdout IS
'is a member left out by a holdout?';
REVOKE ALL ON FUNCTION community.in_holdout FROM PUBLIC;

CREATE FUNCTION community.holdout_group(
	member pg_catalog.int8,
	code pg_catalog.text,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.text
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_holdout_group';
COMMENT ON FUNCTION community.holdout_group IS
'the group of a member in a holdout: holdout or treated';
REVOKE ALL ON FUNCTION community.holdout_group FROM PUBLIC;

CREATE FUNCTION community.holdout_lift(
	code pg_catalog.text,
	during pg_catalog.tstzrange,
	measure pg_catalog.text DEFAULT NULL,
	confidence pg_catalog.float8 DEFAULT 0.95,
	program pg_catalog.int8 DEFAULT community.current_program(),
	OUT treated_members pg_catalog.int8,
	OUT holdout_members pg_catalog.int8,
	OUT treated_mean pg_catalog.float8,
	OUT holdout_mean pg_catalog.float8,
	OUT effect pg_catalog.float8,
	OUT std_error pg_catalog.float8,
	OUT lower pg_catalog.float8,
	OUT upper pg_catalog.float8,
	OUT lift pg_catalog.float8,
	OUT total_effect pg_catalog.float8,
	OUT placebo pg_catalog.float8,
	OUT placebo_lower pg_catalog.float8,
	OUT placebo_upper pg_catalog.float8,
	OUT warnings pg_catalog.text[])
RETURNS pg_catalog.record
LANGUAGE C STABLE PARALLEL UNSAFE COST 100000
AS 'MODULE_PATHNAME', 'community_holdout_lift';
COMMENT ON FUNCTION community.holdout_lift IS
'what members brought more than those left out by lot, with an interval';
REVOKE ALL ON FUNCTION community.holdout_lift FROM PUBLIC;
