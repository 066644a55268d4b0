--
-- score: the type decayed
--

CREATE TYPE community.decayed;

CREATE FUNCTION community.decayed_in(cstring, oid, integer)
	RETURNS community.decayed
	AS 'MODULE_PATHNAME', 'community_decayed_in'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.decayed_in(cstring, oid, integer)
	IS 'input of decayed: number@time/half-life';

CREATE FUNCTION community.decayed_out(community.decayed)
	RETURNS cstring
	AS 'MODULE_PATHNAME', 'community_decayed_out'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.decayed_out(community.decayed)
	IS 'output of decayed, exact and independent of settings';

CREATE FUNCTION community.decayed_recv(internal, oid, integer)
	RETURNS community.decayed
	AS 'MODULE_PATHNAME', 'community_decayed_recv'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.decayed_recv(internal, oid, integer)
	IS 'binary input of decayed';

CREATE FUNCTION community.decayed_send(community.decayed)
	RETURNS bytea
	AS 'MODULE_PATHNAME', 'community_decayed_send'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.decayed_send(community.decayed)
	IS 'binary output of decayed: version byte, mantissa, exponent, half-life';

CREATE FUNCTION community.decayed_typmod_in(cstring[])
	RETURNS integer
	AS 'MODULE_PATHNAME', 'community_decayed_typmod_in'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.decayed_typmod_in(cstring[])
	IS 'type modifier of decayed: a half-life as text or in seconds';

CREATE FUNCTION community.decayed_typmod_out(integer)
	RETURNS cstring
	AS 'MODULE_PATHNAME', 'community_decayed_typmod_out'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.decayed_typmod_out(integer)
	IS 'text of the type modifier of decayed';

CREATE TYPE community.decayed (
	INPUT = community.decayed_in,
	OUTPUT = community.decayed_out,
	RECEIVE = community.decayed_recv,
	SEND = community.decayed_send,
	TYPMOD_IN = community.decayed_typmod_in,
	TYPMOD_OUT = community.decayed_typmod_out,
	INTERNALLENGTH = 16,
	ALIGNMENT = double,
	STORAGE = plain
);
COMMENT ON TYPE community.decayed
	IS 'score that halves every half-life and whose order never changes';

-- Casts

CREATE FUNCTION community.decayed_to_typmod(community.decayed, integer, boolean)
	RETURNS community.decayed
	AS 'MODULE_PATHNAME', 'community_decayed_to_typmod'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.decayed_to_typmod(community.decayed, integer, boolean)
	IS 'check that the half-life is the one of the type modifier';

CREATE CAST (community.decayed AS community.decayed)
	WITH FUNCTION community.decayed_to_typmod(community.decayed, integer, boolean)
	AS IMPLICIT;
COMMENT ON CAST (community.decayed AS community.decayed)
	IS 'check that the half-life is the one of the type modifier';

CREATE FUNCTION community.decayed_from_text(text)
	RETURNS community.decayed
	AS 'MODULE_PATHNAME', 'community_decayed_from_text'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.decayed_from_text(text)
	IS 'read a decayed value from its text form';

CREATE CAST (text AS community.decayed)
	WITH FUNCTION community.decayed_from_text(text);
COMMENT ON CAST (text AS community.decayed)
	IS 'read a decayed value from its text form';

CREATE FUNCTION community.decayed_to_text(community.decayed)
	RETURNS text
	AS 'MODULE_PATHNAME', 'community_decayed_to_text'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.decayed_to_text(community.decayed)
	IS 'text form of a decayed value, exact and independent of settings';

CREATE CAST (community.decayed AS text)
	WITH FUNCTION community.decayed_to_text(community.decayed);
COMMENT ON CAST (community.decayed AS text)
	IS 'text form of a decayed value, exact and independent of settings';

-- Construction and readings

CREATE FUNCTION community.decayed(value float8, at timestamptz,
								  half_life interval DEFAULT '30 days')
	RETURNS community.decayed
	AS 'MODULE_PATHNAME', 'community_decayed'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.decayed(float8, timestamptz, interval)
	IS 'score of one event: value at a time, halving every half-life';

CREATE FUNCTION community.score_at(score community.decayed, at timestamptz)
	RETURNS float8
	AS 'MODULE_PATHNAME', 'community_score_at'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.score_at(community.decayed, timestamptz)
	IS 'the score at a time';

CREATE FUNCTION community.falls_below_at(score community.decayed,
										 threshold float8)
	RETURNS timestamptz
	AS 'MODULE_PATHNAME', 'community_falls_below_at'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.falls_below_at(community.decayed, float8)
	IS 'the moment at which the score comes down to a threshold';

CREATE FUNCTION community.half_life(score community.decayed)
	RETURNS interval
	AS 'MODULE_PATHNAME', 'community_half_life'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.half_life(community.decayed)
	IS 'the half-life of a decayed value';

CREATE FUNCTION community.decayed_key(score community.decayed)
	RETURNS float8
	AS 'MODULE_PATHNAME', 'community_decayed_key'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.decayed_key(community.decayed)
	IS 'logarithmic sort key with the sign of the score, for use outside of the database';

CREATE FUNCTION community.decayed_add_all(start community.decayed,
										  terms community.decayed[])
	RETURNS community.decayed
	AS 'MODULE_PATHNAME', 'community_decayed_add_all'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.decayed_add_all(community.decayed, community.decayed[])
	IS 'start plus all terms, added one after the other in array order';

CREATE FUNCTION community.decayed_add(score community.decayed, value float8,
									  at timestamptz)
	RETURNS community.decayed
	AS 'MODULE_PATHNAME', 'community_decayed_add'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.decayed_add(community.decayed, float8, timestamptz)
	IS 'score plus one event, with the half-life of the score';

-- Arithmetic

CREATE FUNCTION community.decayed_plus(community.decayed, community.decayed)
	RETURNS community.decayed
	AS 'MODULE_PATHNAME', 'community_decayed_plus'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.decayed_plus(community.decayed, community.decayed)
	IS 'implementation of + operator';

CREATE FUNCTION community.decayed_minus(community.decayed, community.decayed)
	RETURNS community.decayed
	AS 'MODULE_PATHNAME', 'community_decayed_minus'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.decayed_minus(community.decayed, community.decayed)
	IS 'implementation of - operator';

CREATE FUNCTION community.decayed_negate(community.decayed)
	RETURNS community.decayed
	AS 'MODULE_PATHNAME', 'community_decayed_negate'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.decayed_negate(community.decayed)
	IS 'implementation of - operator';

CREATE FUNCTION community.decayed_multiply(community.decayed, float8)
	RETURNS community.decayed
	AS 'MODULE_PATHNAME', 'community_decayed_multiply'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.decayed_multiply(community.decayed, float8)
	IS 'implementation of * operator';

CREATE FUNCTION community.float8_multiply_decayed(float8, community.decayed)
	RETURNS community.decayed
	AS 'MODULE_PATHNAME', 'community_float8_multiply_decayed'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.float8_multiply_decayed(float8, community.decayed)
	IS 'implementation of * operator';

CREATE OPERATOR community.+ (
	FUNCTION = community.decayed_plus,
	LEFTARG = community.decayed, RIGHTARG = community.decayed,
	COMMUTATOR = OPERATOR(community.+)
);
COMMENT ON OPERATOR community.+ (community.decayed, community.decayed)
	IS 'sum of two scores of one half-life';

CREATE OPERATOR community.- (
	FUNCTION = community.decayed_minus,
	LEFTARG = community.decayed, RIGHTARG = community.decayed
);
COMMENT ON OPERATOR community.- (community.decayed, community.decayed)
	IS 'difference of two scores of one half-life';

CREATE OPERATOR community.- (
	FUNCTION = community.decayed_negate,
	RIGHTARG = community.decayed
);
COMMENT ON OPERATOR community.- (NONE, community.decayed)
	IS 'the score with the other sign';

CREATE OPERATOR community.* (
	FUNCTION = community.decayed_multiply,
	LEFTARG = community.decayed, RIGHTARG = float8,
	COMMUTATOR = OPERATOR(community.*)
);
COMMENT ON OPERATOR community.* (community.decayed, float8)
	IS 'score times a factor';

CREATE OPERATOR community.* (
	FUNCTION = community.float8_multiply_decayed,
	LEFTARG = float8, RIGHTARG = community.decayed,
	COMMUTATOR = OPERATOR(community.*)
);
COMMENT ON OPERATOR community.* (float8, community.decayed)
	IS 'score times a factor';

-- Comparison

CREATE FUNCTION community.decayed_eq(community.decayed, community.decayed)
	RETURNS boolean
	AS 'MODULE_PATHNAME', 'community_decayed_eq'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.decayed_eq(community.decayed, community.decayed)
	IS 'implementation of = operator';

CREATE FUNCTION community.decayed_ne(community.decayed, community.decayed)
	RETURNS boolean
	AS 'MODULE_PATHNAME', 'community_decayed_ne'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.decayed_ne(community.decayed, community.decayed)
	IS 'implementation of <> operator';

CREATE FUNCTION community.decayed_lt(community.decayed, community.decayed)
	RETURNS boolean
	AS 'MODULE_PATHNAME', 'community_decayed_lt'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.decayed_lt(community.decayed, community.decayed)
	IS 'implementation of < operator';

CREATE FUNCTION community.decayed_le(community.decayed, community.decayed)
	RETURNS boolean
	AS 'MODULE_PATHNAME', 'community_decayed_le'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.decayed_le(community.decayed, community.decayed)
	IS 'implementation of <= operator';

CREATE FUNCTION community.decayed_gt(community.decayed, community.decayed)
	RETURNS boolean
	AS 'MODULE_PATHNAME', 'community_decayed_gt'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.decayed_gt(community.decayed, community.decayed)
	IS 'implementation of > operator';

CREATE FUNCTION community.decayed_ge(community.decayed, community.decayed)
	RETURNS boolean
	AS 'MODULE_PATHNAME', 'community_decayed_ge'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.decayed_ge(community.decayed, community.decayed)
	IS 'implementation of >= operator';

CREATE OPERATOR community.= (
	FUNCTION = community.decayed_eq,
	LEFTARG = community.decayed, RIGHTARG = community.decayed,
	COMMUTATOR = OPERATOR(community.=), NEGATOR = OPERATOR(community.<>),
	RESTRICT = pg_catalog.eqsel, JOIN = pg_catalog.eqjoinsel,
	MERGES, HASHES
);
COMMENT ON OPERATOR community.= (community.decayed, community.decayed)
	IS 'equal, now and at any other time';

CREATE OPERATOR community.<> (
	FUNCTION = community.decayed_ne,
	LEFTARG = community.decayed, RIGHTARG = community.decayed,
	COMMUTATOR = OPERATOR(community.<>), NEGATOR = OPERATOR(community.=),
	RESTRICT = pg_catalog.neqsel, JOIN = pg_catalog.neqjoinsel
);
COMMENT ON OPERATOR community.<> (community.decayed, community.decayed)
	IS 'not equal, now and at any other time';

CREATE OPERATOR community.< (
	FUNCTION = community.decayed_lt,
	LEFTARG = community.decayed, RIGHTARG = community.decayed,
	COMMUTATOR = OPERATOR(community.>), NEGATOR = OPERATOR(community.>=),
	RESTRICT = pg_catalog.scalarltsel, JOIN = pg_catalog.scalarltjoinsel
);
COMMENT ON OPERATOR community.< (community.decayed, community.decayed)
	IS 'less than, now and at any other time';

CREATE OPERATOR community.<= (
	FUNCTION = community.decayed_le,
	LEFTARG = community.decayed, RIGHTARG = community.decayed,
	COMMUTATOR = OPERATOR(community.>=), NEGATOR = OPERATOR(community.>),
	RESTRICT = pg_catalog.scalarlesel, JOIN = pg_catalog.scalarlejoinsel
);
COMMENT ON OPERATOR community.<= (community.decayed, community.decayed)
	IS 'less than or equal, now and at any other time';

CREATE OPERATOR community.> (
	FUNCTION = community.decayed_gt,
	LEFTARG = community.decayed, RIGHTARG = community.decayed,
	COMMUTATOR = OPERATOR(community.<), NEGATOR = OPERATOR(community.<=),
	RESTRICT = pg_catalog.scalargtsel, JOIN = pg_catalog.scalargtjoinsel
);
COMMENT ON OPERATOR community.> (community.decayed, community.decayed)
	IS 'greater than, now and at any other time';

CREATE OPERATOR community.>= (
	FUNCTION = community.decayed_ge,
	LEFTARG = community.decayed, RIGHTARG = community.decayed,
	COMMUTATOR = OPERATOR(community.<=), NEGATOR = OPERATOR(community.<),
	RESTRICT = pg_catalog.scalargesel, JOIN = pg_catalog.scalargejoinsel
);
COMMENT ON OPERATOR community.>= (community.decayed, community.decayed)
	IS 'greater than or equal, now and at any other time';

CREATE FUNCTION community.decayed_cmp(community.decayed, community.decayed)
	RETURNS integer
	AS 'MODULE_PATHNAME', 'community_decayed_cmp'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.decayed_cmp(community.decayed, community.decayed)
	IS 'less-equal-greater';

CREATE FUNCTION community.decayed_sortsupport(internal)
	RETURNS void
	AS 'MODULE_PATHNAME', 'community_decayed_sortsupport'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.decayed_sortsupport(internal)
	IS 'sort support of decayed';

CREATE OPERATOR CLASS community.decayed_ops
	DEFAULT FOR TYPE community.decayed USING btree AS
	OPERATOR 1 community.<,
	OPERATOR 2 community.<=,
	OPERATOR 3 community.=,
	OPERATOR 4 community.>=,
	OPERATOR 5 community.>,
	FUNCTION 1 community.decayed_cmp(community.decayed, community.decayed),
	FUNCTION 2 community.decayed_sortsupport(internal),
	FUNCTION 4 pg_catalog.btequalimage(oid);
COMMENT ON OPERATOR CLASS community.decayed_ops USING btree
	IS 'order of scores, the same at every time';
COMMENT ON OPERATOR FAMILY community.decayed_ops USING btree
	IS 'order of scores, the same at every time';

CREATE FUNCTION community.decayed_hash(community.decayed)
	RETURNS integer
	AS 'MODULE_PATHNAME', 'community_decayed_hash'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.decayed_hash(community.decayed)
	IS 'hash';

CREATE FUNCTION community.decayed_hash_extended(community.decayed, bigint)
	RETURNS bigint
	AS 'MODULE_PATHNAME', 'community_decayed_hash_extended'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.decayed_hash_extended(community.decayed, bigint)
	IS 'hash with a seed';

CREATE OPERATOR CLASS community.decayed_ops
	DEFAULT FOR TYPE community.decayed USING hash AS
	OPERATOR 1 community.=,
	FUNCTION 1 community.decayed_hash(community.decayed),
	FUNCTION 2 community.decayed_hash_extended(community.decayed, bigint);
COMMENT ON OPERATOR CLASS community.decayed_ops USING hash
	IS 'hash of scores';
COMMENT ON OPERATOR FAMILY community.decayed_ops USING hash
	IS 'hash of scores';

-- Sums

CREATE FUNCTION community.decayed_sum_accum(state community.decayed,
											value float8, at timestamptz,
											half_life interval)
	RETURNS community.decayed
	AS 'MODULE_PATHNAME', 'community_decayed_sum_accum'
	LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION community.decayed_sum_accum(community.decayed, float8, timestamptz, interval)
	IS 'transition function of decayed_sum';

CREATE FUNCTION community.decayed_sum_combine(community.decayed,
											  community.decayed)
	RETURNS community.decayed
	AS 'MODULE_PATHNAME', 'community_decayed_sum_combine'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.decayed_sum_combine(community.decayed, community.decayed)
	IS 'transition and combine function of decayed_sum';

CREATE AGGREGATE community.decayed_sum(value float8, at timestamptz,
									   half_life interval) (
	SFUNC = community.decayed_sum_accum,
	STYPE = community.decayed,
	COMBINEFUNC = community.decayed_sum_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE community.decayed_sum(float8, timestamptz, interval)
	IS 'decayed sum of events: value at a time, halving every half-life';

CREATE AGGREGATE community.decayed_sum(score community.decayed) (
	SFUNC = community.decayed_sum_combine,
	STYPE = community.decayed,
	COMBINEFUNC = community.decayed_sum_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE community.decayed_sum(community.decayed)
	IS 'sum of decayed values of one half-life';


--
-- score: recency, frequency, monetary
--

CREATE TYPE community.rfm_summary AS (
	first_at timestamptz,
	last_at timestamptz,
	frequency bigint,
	monetary numeric
);
COMMENT ON TYPE community.rfm_summary
	IS 'first and last time, number and total of a member''s transactions';
COMMENT ON COLUMN community.rfm_summary.first_at IS 'time of the first transaction';
COMMENT ON COLUMN community.rfm_summary.last_at IS 'time of the last transaction';
COMMENT ON COLUMN community.rfm_summary.frequency IS 'number of transactions';
COMMENT ON COLUMN community.rfm_summary.monetary IS 'total amount in minor units';

CREATE FUNCTION community.rfm_accum(state bigint[], at timestamptz,
									amount bigint)
	RETURNS bigint[]
	AS 'MODULE_PATHNAME', 'community_rfm_accum'
	LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION community.rfm_accum(bigint[], timestamptz, bigint)
	IS 'transition function of rfm';

CREATE FUNCTION community.rfm_combine(bigint[], bigint[])
	RETURNS bigint[]
	AS 'MODULE_PATHNAME', 'community_rfm_combine'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.rfm_combine(bigint[], bigint[])
	IS 'combine function of rfm';

CREATE FUNCTION community.rfm_final(bigint[])
	RETURNS community.rfm_summary
	AS 'MODULE_PATHNAME', 'community_rfm_final'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.rfm_final(bigint[])
	IS 'final function of rfm';

CREATE AGGREGATE community.rfm(at timestamptz, amount bigint) (
	SFUNC = community.rfm_accum,
	STYPE = bigint[],
	SSPACE = 64,
	FINALFUNC = community.rfm_final,
	COMBINEFUNC = community.rfm_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE community.rfm(timestamptz, bigint)
	IS 'first and last time, number and total of transactions';

CREATE FUNCTION community.rfm_scores(query text,
									 as_of timestamptz DEFAULT now(),
									 cells integer DEFAULT 5,
									 recency_cuts interval[] DEFAULT NULL,
									 frequency_cuts numeric[] DEFAULT NULL,
									 monetary_cuts numeric[] DEFAULT NULL,
									 min_population integer DEFAULT 1)
	RETURNS TABLE (member bigint, last_at timestamptz, frequency numeric,
				   monetary numeric, recency_score integer,
				   frequency_score integer, monetary_score integer,
				   cell integer)
	AS 'MODULE_PATHNAME', 'community_rfm_scores'
	LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
	COST 10000 ROWS 1000;
COMMENT ON FUNCTION community.rfm_scores(text, timestamptz, integer, interval[],
										 numeric[], numeric[], integer)
	IS 'recency, frequency and monetary scores of the members that a query names, safe for ties';

--
-- score: concentration
--

CREATE FUNCTION community.gini_accum(state bytea, value float8)
	RETURNS bytea
	AS 'MODULE_PATHNAME', 'community_gini_accum'
	LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION community.gini_accum(bytea, float8)
	IS 'transition function of gini';

CREATE FUNCTION community.top_share_accum(state bytea, value float8,
										  fraction float8)
	RETURNS bytea
	AS 'MODULE_PATHNAME', 'community_top_share_accum'
	LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION community.top_share_accum(bytea, float8, float8)
	IS 'transition function of top_share';

CREATE FUNCTION community.lorenz_accum(state bytea, value float8,
									   points integer)
	RETURNS bytea
	AS 'MODULE_PATHNAME', 'community_lorenz_accum'
	LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION community.lorenz_accum(bytea, float8, integer)
	IS 'transition function of lorenz';

CREATE FUNCTION community.concentration_combine(bytea, bytea)
	RETURNS bytea
	AS 'MODULE_PATHNAME', 'community_concentration_combine'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.concentration_combine(bytea, bytea)
	IS 'combine function of the measures of concentration';

CREATE FUNCTION community.gini_final(bytea)
	RETURNS float8
	AS 'MODULE_PATHNAME', 'community_gini_final'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION community.gini_final(bytea)
	IS 'final function of gini';

CREATE FUNCTION community.top_share_final(bytea)
	RETURNS float8
	AS 'MODULE_PATHNAME', 'community_top_share_final'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION community.top_share_final(bytea)
	IS 'final function of top_share';

CREATE FUNCTION community.lorenz_final(bytea)
	RETURNS float8[]
	AS 'MODULE_PATHNAME', 'community_lorenz_final'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION community.lorenz_final(bytea)
	IS 'final function of lorenz';

CREATE AGGREGATE community.gini(value float8) (
	SFUNC = community.gini_accum,
	STYPE = bytea,
	SSPACE = 1024,
	FINALFUNC = community.gini_final,
	COMBINEFUNC = community.concentration_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE community.gini(float8)
	IS 'Gini coefficient: 0 if all have the same, near 1 if one has all';

CREATE AGGREGATE community.top_share(value float8, fraction float8) (
	SFUNC = community.top_share_accum,
	STYPE = bytea,
	SSPACE = 1024,
	FINALFUNC = community.top_share_final,
	COMBINEFUNC = community.concentration_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE community.top_share(float8, float8)
	IS 'share of the total that the largest fraction of the values holds';

CREATE AGGREGATE community.lorenz(value float8, points integer) (
	SFUNC = community.lorenz_accum,
	STYPE = bytea,
	SSPACE = 1024,
	FINALFUNC = community.lorenz_final,
	COMBINEFUNC = community.concentration_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE community.lorenz(float8, integer)
	IS 'Lorenz curve at 0, 1/points, ..., 1';
