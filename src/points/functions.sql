
--
-- points: the type purse
--

CREATE TYPE community.purse;

CREATE FUNCTION community.purse_in(cstring)
	RETURNS community.purse
	AS 'MODULE_PATHNAME', 'community_purse_in'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.purse_in(cstring)
	IS 'input of purse: {points[available_at,expires_at)#priority, ...}';

CREATE FUNCTION community.purse_out(community.purse)
	RETURNS cstring
	AS 'MODULE_PATHNAME', 'community_purse_out'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.purse_out(community.purse)
	IS 'output of purse, exact and independent of settings';

CREATE FUNCTION community.purse_recv(internal)
	RETURNS community.purse
	AS 'MODULE_PATHNAME', 'community_purse_recv'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.purse_recv(internal)
	IS 'binary input of purse';

CREATE FUNCTION community.purse_send(community.purse)
	RETURNS bytea
	AS 'MODULE_PATHNAME', 'community_purse_send'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.purse_send(community.purse)
	IS 'binary output of purse: version byte, number of lots, lots';

CREATE TYPE community.purse (
	INPUT = community.purse_in,
	OUTPUT = community.purse_out,
	RECEIVE = community.purse_recv,
	SEND = community.purse_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = double,
	STORAGE = extended
);
COMMENT ON TYPE community.purse
	IS 'points in lots, each with its times and its priority; purses add up';

-- Construction and readings

CREATE FUNCTION community.purse(points bigint,
								available_at timestamptz DEFAULT '-infinity',
								expires_at timestamptz DEFAULT 'infinity',
								priority integer DEFAULT 0)
	RETURNS community.purse
	AS 'MODULE_PATHNAME', 'community_purse'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.purse(bigint, timestamptz, timestamptz, integer)
	IS 'a purse of one lot: points that can be spent from one time until another';

CREATE FUNCTION community.total(purse community.purse)
	RETURNS bigint
	AS 'MODULE_PATHNAME', 'community_purse_total'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.total(community.purse)
	IS 'all points of a purse, whatever the time';

CREATE FUNCTION community.total(purse community.purse, at timestamptz)
	RETURNS bigint
	AS 'MODULE_PATHNAME', 'community_purse_total_at'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.total(community.purse, timestamptz)
	IS 'points that have not expired at a time: available and pending';

CREATE FUNCTION community.available(purse community.purse, at timestamptz)
	RETURNS bigint
	AS 'MODULE_PATHNAME', 'community_purse_available'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.available(community.purse, timestamptz)
	IS 'points that can be spent at a time, less debts';

CREATE FUNCTION community.pending(purse community.purse, at timestamptz)
	RETURNS bigint
	AS 'MODULE_PATHNAME', 'community_purse_pending'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.pending(community.purse, timestamptz)
	IS 'points that can be spent only later';

CREATE FUNCTION community.expired(purse community.purse, at timestamptz)
	RETURNS bigint
	AS 'MODULE_PATHNAME', 'community_purse_expired'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.expired(community.purse, timestamptz)
	IS 'points that have expired at a time';

CREATE FUNCTION community.owed(purse community.purse)
	RETURNS bigint
	AS 'MODULE_PATHNAME', 'community_purse_owed'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.owed(community.purse)
	IS 'points that the lots below zero come to, as a positive number';

CREATE FUNCTION community.lots(purse community.purse)
	RETURNS TABLE (priority integer, available_at timestamptz,
				   expires_at timestamptz, points bigint)
	AS 'MODULE_PATHNAME', 'community_purse_lots'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 10;
COMMENT ON FUNCTION community.lots(community.purse)
	IS 'the lots of a purse in the order in which they are spent';

-- Spending

CREATE FUNCTION community.take(purse community.purse, points bigint,
							   at timestamptz)
	RETURNS community.purse
	AS 'MODULE_PATHNAME', 'community_purse_take'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.take(community.purse, bigint, timestamptz)
	IS 'what spending points takes from the lots, to be added to the purse; an error if they do not suffice';

CREATE FUNCTION community.take_up_to(purse community.purse, points bigint,
									 at timestamptz)
	RETURNS community.purse
	AS 'MODULE_PATHNAME', 'community_purse_take_up_to'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.take_up_to(community.purse, bigint, timestamptz)
	IS 'like take(), but as much as there is';

CREATE FUNCTION community.take_lot(purse community.purse, points bigint,
								   available_at timestamptz,
								   expires_at timestamptz,
								   priority integer)
	RETURNS community.purse
	AS 'MODULE_PATHNAME', 'community_purse_take_lot'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.take_lot(community.purse, bigint, timestamptz, timestamptz, integer)
	IS 'like take_up_to(), but from one lot, whatever the time';

CREATE FUNCTION community.part(purse community.purse, skip bigint, points bigint)
	RETURNS community.purse
	AS 'MODULE_PATHNAME', 'community_purse_part'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.part(community.purse, bigint, bigint)
	IS 'so many points of a purse of one sign, in the order of its lots, after those to skip';

CREATE FUNCTION community.settle(purse community.purse, at timestamptz)
	RETURNS community.purse
	AS 'MODULE_PATHNAME', 'community_purse_settle'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.settle(community.purse, timestamptz)
	IS 'the purse without differences that do not matter from a time on';

-- Arithmetic and equality

CREATE FUNCTION community.purse_plus(community.purse, community.purse)
	RETURNS community.purse
	AS 'MODULE_PATHNAME', 'community_purse_plus'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.purse_plus(community.purse, community.purse)
	IS 'implementation of + operator';

CREATE FUNCTION community.purse_minus(community.purse, community.purse)
	RETURNS community.purse
	AS 'MODULE_PATHNAME', 'community_purse_minus'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.purse_minus(community.purse, community.purse)
	IS 'implementation of - operator';

CREATE FUNCTION community.purse_negate(community.purse)
	RETURNS community.purse
	AS 'MODULE_PATHNAME', 'community_purse_negate'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.purse_negate(community.purse)
	IS 'implementation of - operator';

CREATE FUNCTION community.purse_eq(community.purse, community.purse)
	RETURNS boolean
	AS 'MODULE_PATHNAME', 'community_purse_eq'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.purse_eq(community.purse, community.purse)
	IS 'implementation of = operator';

CREATE FUNCTION community.purse_ne(community.purse, community.purse)
	RETURNS boolean
	AS 'MODULE_PATHNAME', 'community_purse_ne'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.purse_ne(community.purse, community.purse)
	IS 'implementation of <> operator';

CREATE OPERATOR community.+ (
	FUNCTION = community.purse_plus,
	LEFTARG = community.purse, RIGHTARG = community.purse,
	COMMUTATOR = OPERATOR(community.+)
);
COMMENT ON OPERATOR community.+ (community.purse, community.purse)
	IS 'sum of two purses, lot by lot';

CREATE OPERATOR community.- (
	FUNCTION = community.purse_minus,
	LEFTARG = community.purse, RIGHTARG = community.purse
);
COMMENT ON OPERATOR community.- (community.purse, community.purse)
	IS 'difference of two purses, lot by lot';

CREATE OPERATOR community.- (
	FUNCTION = community.purse_negate,
	RIGHTARG = community.purse
);
COMMENT ON OPERATOR community.- (NONE, community.purse)
	IS 'the purse with the other sign: what takes it back';

CREATE OPERATOR community.= (
	FUNCTION = community.purse_eq,
	LEFTARG = community.purse, RIGHTARG = community.purse,
	COMMUTATOR = OPERATOR(community.=), NEGATOR = OPERATOR(community.<>),
	RESTRICT = pg_catalog.eqsel, JOIN = pg_catalog.eqjoinsel,
	HASHES
);
COMMENT ON OPERATOR community.= (community.purse, community.purse)
	IS 'the same points in the same lots';

CREATE OPERATOR community.<> (
	FUNCTION = community.purse_ne,
	LEFTARG = community.purse, RIGHTARG = community.purse,
	COMMUTATOR = OPERATOR(community.<>), NEGATOR = OPERATOR(community.=),
	RESTRICT = pg_catalog.neqsel, JOIN = pg_catalog.neqjoinsel
);
COMMENT ON OPERATOR community.<> (community.purse, community.purse)
	IS 'not the same points in the same lots';

CREATE FUNCTION community.purse_hash(community.purse)
	RETURNS integer
	AS 'MODULE_PATHNAME', 'community_purse_hash'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.purse_hash(community.purse)
	IS 'hash of a purse';

CREATE FUNCTION community.purse_hash_extended(community.purse, bigint)
	RETURNS bigint
	AS 'MODULE_PATHNAME', 'community_purse_hash_extended'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.purse_hash_extended(community.purse, bigint)
	IS '64-bit hash of a purse with a seed';

CREATE OPERATOR CLASS community.purse_ops
	DEFAULT FOR TYPE community.purse USING hash AS
	OPERATOR 1 community.= ,
	FUNCTION 1 community.purse_hash(community.purse),
	FUNCTION 2 community.purse_hash_extended(community.purse, bigint);
COMMENT ON OPERATOR CLASS community.purse_ops USING hash
	IS 'hash of purses';
COMMENT ON OPERATOR FAMILY community.purse_ops USING hash
	IS 'hash of purses';

-- Sum

CREATE FUNCTION community.purse_sum(community.purse, community.purse)
	RETURNS community.purse
	AS 'MODULE_PATHNAME', 'community_purse_sum'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.purse_sum(community.purse, community.purse)
	IS 'transition and combine function of sum';

CREATE AGGREGATE community.sum(purse community.purse) (
	SFUNC = community.purse_sum,
	STYPE = community.purse,
	SSPACE = 512,
	COMBINEFUNC = community.purse_sum,
	MSFUNC = community.purse_plus,
	MINVFUNC = community.purse_minus,
	MSTYPE = community.purse,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE community.sum(community.purse)
	IS 'sum of purses, lot by lot';
