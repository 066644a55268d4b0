
--
-- score: esteem
--

CREATE FUNCTION community.wilson_lower_bound(successes float8, trials float8,
											 z float8 DEFAULT 1.959963984540054)
	RETURNS float8
	AS 'MODULE_PATHNAME', 'community_wilson_lower_bound'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.wilson_lower_bound(float8, float8, float8)
	IS 'lower end of Wilson''s interval for the share of successes; 0 without trials';

CREATE FUNCTION community.wilson_upper_bound(successes float8, trials float8,
											 z float8 DEFAULT 1.959963984540054)
	RETURNS float8
	AS 'MODULE_PATHNAME', 'community_wilson_upper_bound'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.wilson_upper_bound(float8, float8, float8)
	IS 'upper end of Wilson''s interval for the share of successes; 1 without trials';

CREATE FUNCTION community.bayesian_mean(votes float8, mean float8,
										prior_votes float8, prior_mean float8)
	RETURNS float8
	AS 'MODULE_PATHNAME', 'community_bayesian_mean'
	LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION community.bayesian_mean(float8, float8, float8, float8)
	IS 'mean of votes and of so many votes of a prior mean; the prior mean without votes';

CREATE FUNCTION community.star_lower_bound(counts bigint[],
										   z float8 DEFAULT 1.959963984540054,
										   scores float8[] DEFAULT NULL)
	RETURNS float8
	AS 'MODULE_PATHNAME', 'community_star_lower_bound'
	LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION community.star_lower_bound(bigint[], float8, float8[])
	IS 'lower bound of a mean rating from the number of votes of each level, 1, 2, ... unless scores say otherwise';

CREATE FUNCTION community.elo_expected(rating float8, opponent float8)
	RETURNS float8
	AS 'MODULE_PATHNAME', 'community_elo_expected'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.elo_expected(float8, float8)
	IS 'score between 0 and 1 that Elo expects of a game';

CREATE FUNCTION community.elo(rating float8, opponent float8, score float8,
							  k float8 DEFAULT 32)
	RETURNS float8
	AS 'MODULE_PATHNAME', 'community_elo'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.elo(float8, float8, float8, float8)
	IS 'Elo rating after a game';

CREATE FUNCTION community.elo(rating float8, opponents float8[], score float8,
							  k float8 DEFAULT 32)
	RETURNS float8
	AS 'MODULE_PATHNAME', 'community_elo_several'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.elo(float8, float8[], float8, float8)
	IS 'Elo rating after a game against each of several opponents, with the score of all';

CREATE TYPE community.glicko2_rating AS (
	rating float8,
	deviation float8,
	volatility float8
);
COMMENT ON TYPE community.glicko2_rating
	IS 'a player of Glicko-2';
COMMENT ON COLUMN community.glicko2_rating.rating
	IS 'strength, 1500 for a beginner';
COMMENT ON COLUMN community.glicko2_rating.deviation
	IS 'standard deviation of the rating, 350 for a beginner';
COMMENT ON COLUMN community.glicko2_rating.volatility
	IS 'how much the strength changes from period to period, 0.06 for a beginner';

CREATE FUNCTION community.glicko2(rating float8, deviation float8,
								  volatility float8,
								  opponent_ratings float8[],
								  opponent_deviations float8[],
								  scores float8[],
								  tau float8 DEFAULT 0.5)
	RETURNS community.glicko2_rating
	AS 'MODULE_PATHNAME', 'community_glicko2'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.glicko2(float8, float8, float8, float8[], float8[],
		float8[], float8)
	IS 'Glicko-2 rating of a player after the games of a rating period';

CREATE FUNCTION community.glicko2_accum(state float8[], rating float8,
										deviation float8, volatility float8,
										opponent_rating float8,
										opponent_deviation float8,
										score float8)
	RETURNS float8[]
	AS 'MODULE_PATHNAME', 'community_glicko2_accum'
	LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION community.glicko2_accum(float8[], float8, float8, float8, float8,
		float8, float8)
	IS 'transition function of glicko2_period';

CREATE FUNCTION community.glicko2_accum(state float8[], rating float8,
										deviation float8, volatility float8,
										opponent_rating float8,
										opponent_deviation float8,
										score float8, tau float8)
	RETURNS float8[]
	AS 'MODULE_PATHNAME', 'community_glicko2_accum'
	LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION community.glicko2_accum(float8[], float8, float8, float8, float8,
		float8, float8, float8)
	IS 'transition function of glicko2_period with tau';

CREATE FUNCTION community.glicko2_combine(float8[], float8[])
	RETURNS float8[]
	AS 'MODULE_PATHNAME', 'community_glicko2_combine'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.glicko2_combine(float8[], float8[])
	IS 'combine function of glicko2_period';

CREATE FUNCTION community.glicko2_final(float8[])
	RETURNS community.glicko2_rating
	AS 'MODULE_PATHNAME', 'community_glicko2_final'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.glicko2_final(float8[])
	IS 'final function of glicko2_period';

CREATE AGGREGATE community.glicko2_period(rating float8, deviation float8,
										  volatility float8,
										  opponent_rating float8,
										  opponent_deviation float8,
										  score float8) (
	SFUNC = community.glicko2_accum,
	STYPE = float8[],
	SSPACE = 80,
	FINALFUNC = community.glicko2_final,
	COMBINEFUNC = community.glicko2_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE community.glicko2_period(float8, float8, float8, float8, float8, float8)
	IS 'Glicko-2 rating of each player after a rating period, a row a game and player; tau is 0.5';

CREATE AGGREGATE community.glicko2_period(rating float8, deviation float8,
										  volatility float8,
										  opponent_rating float8,
										  opponent_deviation float8,
										  score float8, tau float8) (
	SFUNC = community.glicko2_accum,
	STYPE = float8[],
	SSPACE = 80,
	FINALFUNC = community.glicko2_final,
	COMBINEFUNC = community.glicko2_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE community.glicko2_period(float8, float8, float8, float8, float8,
		float8, float8)
	IS 'Glicko-2 rating of each player after a rating period, a row a game and player';
