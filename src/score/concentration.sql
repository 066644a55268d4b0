
--
-- score: concentration, continued
--

CREATE TYPE community.participation AS (
	lurkers float8,
	contributors float8,
	super_users float8
);
COMMENT ON TYPE community.participation
	IS 'shares of the total by rank: 90-9-1';
COMMENT ON COLUMN community.participation.lurkers
	IS 'share of those with the smallest values';
COMMENT ON COLUMN community.participation.contributors
	IS 'share of those between';
COMMENT ON COLUMN community.participation.super_users
	IS 'share of those with the largest values';

CREATE FUNCTION community.shares_accum(state bytea, value float8)
	RETURNS bytea
	AS 'MODULE_PATHNAME', 'community_shares_accum'
	LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION community.shares_accum(bytea, float8)
	IS 'transition function of herfindahl, normalised_herfindahl and effective_number';

CREATE FUNCTION community.absence_factor_accum(state bytea, value float8)
	RETURNS bytea
	AS 'MODULE_PATHNAME', 'community_absence_factor_accum'
	LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION community.absence_factor_accum(bytea, float8)
	IS 'transition function of absence_factor';

CREATE FUNCTION community.absence_factor_accum(state bytea, value float8,
											   share float8)
	RETURNS bytea
	AS 'MODULE_PATHNAME', 'community_absence_factor_accum'
	LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION community.absence_factor_accum(bytea, float8, float8)
	IS 'transition function of absence_factor with a share';

CREATE FUNCTION community.participation_accum(state bytea, value float8)
	RETURNS bytea
	AS 'MODULE_PATHNAME', 'community_participation_accum'
	LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION community.participation_accum(bytea, float8)
	IS 'transition function of participation_shares';

CREATE FUNCTION community.participation_accum(state bytea, value float8,
											  lurkers_below float8,
											  super_users_from float8)
	RETURNS bytea
	AS 'MODULE_PATHNAME', 'community_participation_accum'
	LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION community.participation_accum(bytea, float8, float8, float8)
	IS 'transition function of participation_shares with ranks';

CREATE FUNCTION community.herfindahl_final(bytea)
	RETURNS float8
	AS 'MODULE_PATHNAME', 'community_herfindahl_final'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION community.herfindahl_final(bytea)
	IS 'final function of herfindahl';

CREATE FUNCTION community.normalised_herfindahl_final(bytea)
	RETURNS float8
	AS 'MODULE_PATHNAME', 'community_normalised_herfindahl_final'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION community.normalised_herfindahl_final(bytea)
	IS 'final function of normalised_herfindahl';

CREATE FUNCTION community.effective_number_final(bytea)
	RETURNS float8
	AS 'MODULE_PATHNAME', 'community_effective_number_final'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION community.effective_number_final(bytea)
	IS 'final function of effective_number';

CREATE FUNCTION community.absence_factor_final(bytea)
	RETURNS bigint
	AS 'MODULE_PATHNAME', 'community_absence_factor_final'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION community.absence_factor_final(bytea)
	IS 'final function of absence_factor';

CREATE FUNCTION community.participation_final(bytea)
	RETURNS community.participation
	AS 'MODULE_PATHNAME', 'community_participation_final'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION community.participation_final(bytea)
	IS 'final function of participation_shares';

CREATE AGGREGATE community.herfindahl(value float8) (
	SFUNC = community.shares_accum,
	STYPE = bytea,
	SSPACE = 1024,
	FINALFUNC = community.herfindahl_final,
	COMBINEFUNC = community.concentration_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE community.herfindahl(float8)
	IS 'Herfindahl-Hirschman index: the sum of the squares of the shares, 1 if one has all';

CREATE AGGREGATE community.normalised_herfindahl(value float8) (
	SFUNC = community.shares_accum,
	STYPE = bytea,
	SSPACE = 1024,
	FINALFUNC = community.normalised_herfindahl_final,
	COMBINEFUNC = community.concentration_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE community.normalised_herfindahl(float8)
	IS 'Herfindahl-Hirschman index between 0, if all have the same, and 1; null for one value';

CREATE AGGREGATE community.effective_number(value float8) (
	SFUNC = community.shares_accum,
	STYPE = bytea,
	SSPACE = 1024,
	FINALFUNC = community.effective_number_final,
	COMBINEFUNC = community.concentration_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE community.effective_number(float8)
	IS 'how many equal values would have the same Herfindahl-Hirschman index';

CREATE AGGREGATE community.absence_factor(value float8) (
	SFUNC = community.absence_factor_accum,
	STYPE = bytea,
	SSPACE = 1024,
	FINALFUNC = community.absence_factor_final,
	COMBINEFUNC = community.concentration_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE community.absence_factor(float8)
	IS 'the smallest number of values that make half of the total';

CREATE AGGREGATE community.absence_factor(value float8, share float8) (
	SFUNC = community.absence_factor_accum,
	STYPE = bytea,
	SSPACE = 1024,
	FINALFUNC = community.absence_factor_final,
	COMBINEFUNC = community.concentration_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE community.absence_factor(float8, float8)
	IS 'the smallest number of values that make a share of the total';

CREATE AGGREGATE community.participation_shares(value float8) (
	SFUNC = community.participation_accum,
	STYPE = bytea,
	SSPACE = 1024,
	FINALFUNC = community.participation_final,
	COMBINEFUNC = community.concentration_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE community.participation_shares(float8)
	IS 'shares of the lowest 90, the next 9 and the highest 1 percent of the values';

CREATE AGGREGATE community.participation_shares(value float8,
												lurkers_below float8,
												super_users_from float8) (
	SFUNC = community.participation_accum,
	STYPE = bytea,
	SSPACE = 1024,
	FINALFUNC = community.participation_final,
	COMBINEFUNC = community.concentration_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE community.participation_shares(float8, float8, float8)
	IS 'shares of the values below, between and above two ranks, as fractions';
