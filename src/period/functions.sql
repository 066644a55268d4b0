
-- ---------------------------------------------------------------- period

CREATE TYPE community.period;

CREATE FUNCTION community.period_in(pg_catalog.cstring)
	RETURNS community.period
	AS 'MODULE_PATHNAME', 'community_period_in'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.period_in(pg_catalog.cstring)
	IS 'input of period';

CREATE FUNCTION community.period_out(community.period)
	RETURNS pg_catalog.cstring
	AS 'MODULE_PATHNAME', 'community_period_out'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.period_out(community.period)
	IS 'output of period, in one way for each meaning';

CREATE FUNCTION community.period_recv(pg_catalog.internal)
	RETURNS community.period
	AS 'MODULE_PATHNAME', 'community_period_recv'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.period_recv(pg_catalog.internal)
	IS 'binary input of period';

CREATE FUNCTION community.period_send(community.period)
	RETURNS pg_catalog.bytea
	AS 'MODULE_PATHNAME', 'community_period_send'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.period_send(community.period)
	IS 'binary output of period: version byte, kind, unit, count, months, days, time';

CREATE TYPE community.period (
	INPUT = community.period_in,
	OUTPUT = community.period_out,
	RECEIVE = community.period_recv,
	SEND = community.period_send,
	INTERNALLENGTH = 24,
	ALIGNMENT = double,
	STORAGE = plain
);
COMMENT ON TYPE community.period
	IS 'how long something counts: lifetime, rolling, by the calendar, or from anniversary to anniversary';

-- The period that holds a time

CREATE FUNCTION community.period_at(period community.period, at pg_catalog.timestamptz,
									anchor pg_catalog.timestamptz DEFAULT NULL,
									time_zone pg_catalog.text DEFAULT 'UTC')
	RETURNS pg_catalog.tstzrange
	AS 'MODULE_PATHNAME', 'community_period_at'
	LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION community.period_at
	IS 'the period that holds a time, cut in a time zone; anchor is that of an anniversary';

CREATE FUNCTION community.period_end(period community.period, at pg_catalog.timestamptz,
									 anchor pg_catalog.timestamptz DEFAULT NULL,
									 time_zone pg_catalog.text DEFAULT 'UTC')
	RETURNS pg_catalog.timestamptz
	AS 'MODULE_PATHNAME', 'community_period_end'
	LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION community.period_end
	IS 'the end of the period that holds a time, always after it: rounds an expiry up';

CREATE FUNCTION community.period_add(at pg_catalog.timestamptz, length pg_catalog.interval,
									 time_zone pg_catalog.text DEFAULT 'UTC')
	RETURNS pg_catalog.timestamptz
	AS 'MODULE_PATHNAME', 'community_period_add'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.period_add
	IS 'a time plus an interval, with months and days on the clock of a time zone';

-- Comparison

CREATE FUNCTION community.period_eq(community.period, community.period)
	RETURNS pg_catalog.bool
	AS 'MODULE_PATHNAME', 'community_period_eq'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.period_eq(community.period, community.period)
	IS 'implementation of = operator';

CREATE FUNCTION community.period_ne(community.period, community.period)
	RETURNS pg_catalog.bool
	AS 'MODULE_PATHNAME', 'community_period_ne'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.period_ne(community.period, community.period)
	IS 'implementation of <> operator';

CREATE FUNCTION community.period_lt(community.period, community.period)
	RETURNS pg_catalog.bool
	AS 'MODULE_PATHNAME', 'community_period_lt'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.period_lt(community.period, community.period)
	IS 'implementation of < operator';

CREATE FUNCTION community.period_le(community.period, community.period)
	RETURNS pg_catalog.bool
	AS 'MODULE_PATHNAME', 'community_period_le'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.period_le(community.period, community.period)
	IS 'implementation of <= operator';

CREATE FUNCTION community.period_gt(community.period, community.period)
	RETURNS pg_catalog.bool
	AS 'MODULE_PATHNAME', 'community_period_gt'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.period_gt(community.period, community.period)
	IS 'implementation of > operator';

CREATE FUNCTION community.period_ge(community.period, community.period)
	RETURNS pg_catalog.bool
	AS 'MODULE_PATHNAME', 'community_period_ge'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.period_ge(community.period, community.period)
	IS 'implementation of >= operator';

CREATE OPERATOR community.= (
	FUNCTION = community.period_eq,
	LEFTARG = community.period, RIGHTARG = community.period,
	COMMUTATOR = OPERATOR(community.=), NEGATOR = OPERATOR(community.<>),
	RESTRICT = pg_catalog.eqsel, JOIN = pg_catalog.eqjoinsel,
	MERGES, HASHES
);
COMMENT ON OPERATOR community.= (community.period, community.period)
	IS 'of the same meaning';

CREATE OPERATOR community.<> (
	FUNCTION = community.period_ne,
	LEFTARG = community.period, RIGHTARG = community.period,
	COMMUTATOR = OPERATOR(community.<>), NEGATOR = OPERATOR(community.=),
	RESTRICT = pg_catalog.neqsel, JOIN = pg_catalog.neqjoinsel
);
COMMENT ON OPERATOR community.<> (community.period, community.period)
	IS 'not of the same meaning';

CREATE OPERATOR community.< (
	FUNCTION = community.period_lt,
	LEFTARG = community.period, RIGHTARG = community.period,
	COMMUTATOR = OPERATOR(community.>), NEGATOR = OPERATOR(community.>=),
	RESTRICT = pg_catalog.scalarltsel, JOIN = pg_catalog.scalarltjoinsel
);
COMMENT ON OPERATOR community.< (community.period, community.period)
	IS 'shorter on average, or before it among equally long ones';

CREATE OPERATOR community.<= (
	FUNCTION = community.period_le,
	LEFTARG = community.period, RIGHTARG = community.period,
	COMMUTATOR = OPERATOR(community.>=), NEGATOR = OPERATOR(community.>),
	RESTRICT = pg_catalog.scalarlesel, JOIN = pg_catalog.scalarlejoinsel
);
COMMENT ON OPERATOR community.<= (community.period, community.period)
	IS 'not longer on average, nor after it among equally long ones';

CREATE OPERATOR community.> (
	FUNCTION = community.period_gt,
	LEFTARG = community.period, RIGHTARG = community.period,
	COMMUTATOR = OPERATOR(community.<), NEGATOR = OPERATOR(community.<=),
	RESTRICT = pg_catalog.scalargtsel, JOIN = pg_catalog.scalargtjoinsel
);
COMMENT ON OPERATOR community.> (community.period, community.period)
	IS 'longer on average, or after it among equally long ones';

CREATE OPERATOR community.>= (
	FUNCTION = community.period_ge,
	LEFTARG = community.period, RIGHTARG = community.period,
	COMMUTATOR = OPERATOR(community.<=), NEGATOR = OPERATOR(community.<),
	RESTRICT = pg_catalog.scalargesel, JOIN = pg_catalog.scalargejoinsel
);
COMMENT ON OPERATOR community.>= (community.period, community.period)
	IS 'not shorter on average, nor before it among equally long ones';

CREATE FUNCTION community.period_cmp(community.period, community.period)
	RETURNS pg_catalog.int4
	AS 'MODULE_PATHNAME', 'community_period_cmp'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.period_cmp(community.period, community.period)
	IS 'less-equal-greater';

CREATE OPERATOR CLASS community.period_ops
	DEFAULT FOR TYPE community.period USING btree AS
	OPERATOR 1 community.<,
	OPERATOR 2 community.<=,
	OPERATOR 3 community.=,
	OPERATOR 4 community.>=,
	OPERATOR 5 community.>,
	FUNCTION 1 community.period_cmp(community.period, community.period),
	FUNCTION 4 pg_catalog.btequalimage(oid);
COMMENT ON OPERATOR CLASS community.period_ops USING btree
	IS 'order of periods by their average length';
COMMENT ON OPERATOR FAMILY community.period_ops USING btree
	IS 'order of periods by their average length';

CREATE FUNCTION community.period_hash(community.period)
	RETURNS pg_catalog.int4
	AS 'MODULE_PATHNAME', 'community_period_hash'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.period_hash(community.period)
	IS 'hash';

CREATE FUNCTION community.period_hash_extended(community.period, pg_catalog.int8)
	RETURNS pg_catalog.int8
	AS 'MODULE_PATHNAME', 'community_period_hash_extended'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.period_hash_extended(community.period, pg_catalog.int8)
	IS 'hash with a seed';

CREATE OPERATOR CLASS community.period_ops
	DEFAULT FOR TYPE community.period USING hash AS
	OPERATOR 1 community.=,
	FUNCTION 1 community.period_hash(community.period),
	FUNCTION 2 community.period_hash_extended(community.period, pg_catalog.int8);
COMMENT ON OPERATOR CLASS community.period_ops USING hash
	IS 'hash of periods';
COMMENT ON OPERATOR FAMILY community.period_ops USING hash
	IS 'hash of periods';
