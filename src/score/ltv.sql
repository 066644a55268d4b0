
--
-- score: lifetime value
--

CREATE TYPE community.purchase_summary AS (
	x bigint,
	t_x float8,
	t float8,
	mean float8,
	first_on date,
	last_on date,
	holdout_x bigint,
	holdout_t float8,
	holdout_mean float8
);
COMMENT ON TYPE community.purchase_summary
	IS 'what models of lifetime value want to know of a member; times in days, amounts in minor units';
COMMENT ON COLUMN community.purchase_summary.x
	IS 'number of days with repeat purchases, up to the end of calibration';
COMMENT ON COLUMN community.purchase_summary.t_x
	IS 'days from the first purchase to the last of calibration, 0 without repeats';
COMMENT ON COLUMN community.purchase_summary.t
	IS 'days from the first purchase to the end of calibration';
COMMENT ON COLUMN community.purchase_summary.mean
	IS 'mean amount of a day with repeat purchases in calibration, in minor units; null without';
COMMENT ON COLUMN community.purchase_summary.first_on IS 'day of the first purchase';
COMMENT ON COLUMN community.purchase_summary.last_on
	IS 'day of the last purchase of calibration';
COMMENT ON COLUMN community.purchase_summary.holdout_x
	IS 'number of days with purchases after the end of calibration';
COMMENT ON COLUMN community.purchase_summary.holdout_t
	IS 'days from the end of calibration to the end of observation';
COMMENT ON COLUMN community.purchase_summary.holdout_mean
	IS 'mean amount of a day with purchases after calibration, in minor units; null without';

CREATE TYPE community.ltv_parameters AS (
	model text,
	r float8,
	alpha float8,
	a float8,
	b float8,
	s float8,
	beta float8,
	p float8,
	q float8,
	gamma float8
);
COMMENT ON TYPE community.ltv_parameters
	IS 'a model of lifetime value and its parameters; those of other models are null';
COMMENT ON COLUMN community.ltv_parameters.model
	IS 'bg_nbd, mbg_nbd or pareto_nbd (purchases), or gamma_gamma (spend)';
COMMENT ON COLUMN community.ltv_parameters.r
	IS 'shape of the gamma distribution of purchase rates';
COMMENT ON COLUMN community.ltv_parameters.alpha
	IS 'rate of the gamma distribution of purchase rates, in the unit of time of the data';
COMMENT ON COLUMN community.ltv_parameters.a
	IS 'bg_nbd, mbg_nbd: first shape of the beta distribution of the chance to leave after a purchase';
COMMENT ON COLUMN community.ltv_parameters.b
	IS 'bg_nbd, mbg_nbd: second shape of the beta distribution of the chance to leave after a purchase';
COMMENT ON COLUMN community.ltv_parameters.s
	IS 'pareto_nbd: shape of the gamma distribution of leaving rates';
COMMENT ON COLUMN community.ltv_parameters.beta
	IS 'pareto_nbd: rate of the gamma distribution of leaving rates, in the unit of time of the data';
COMMENT ON COLUMN community.ltv_parameters.p
	IS 'gamma_gamma: shape of the gamma distribution of amounts';
COMMENT ON COLUMN community.ltv_parameters.q
	IS 'gamma_gamma: shape of the gamma distribution of their rates';
COMMENT ON COLUMN community.ltv_parameters.gamma
	IS 'gamma_gamma: rate of the gamma distribution of their rates, in the unit of the amounts';

CREATE TYPE community.ltv_result AS (
	parameters community.ltv_parameters,
	log_likelihood float8,
	iterations integer,
	evaluations integer,
	customers bigint,
	distinct_rows bigint,
	status text,
	ratio float8,
	note text
);
COMMENT ON TYPE community.ltv_result
	IS 'result of fitting a model of lifetime value';
COMMENT ON COLUMN community.ltv_result.parameters
	IS 'the parameters of greatest likelihood; null with too little data';
COMMENT ON COLUMN community.ltv_result.log_likelihood
	IS 'natural logarithm of the likelihood at the parameters';
COMMENT ON COLUMN community.ltv_result.iterations
	IS 'steps of the search';
COMMENT ON COLUMN community.ltv_result.evaluations
	IS 'how often the likelihood and its gradient were computed, by all searches';
COMMENT ON COLUMN community.ltv_result.customers
	IS 'rows of the query that count';
COMMENT ON COLUMN community.ltv_result.distinct_rows
	IS 'different ones among them';
COMMENT ON COLUMN community.ltv_result.status
	IS 'converged, boundary (some parameters have no finite maximum) or too_little_data';
COMMENT ON COLUMN community.ltv_result.ratio
	IS 'a/(a+b), s/beta or the mean spend p*gamma/(q-1): meaningful on the boundary, too';
COMMENT ON COLUMN community.ltv_result.note
	IS 'which parameters have no finite maximum, or why there are too little data';

CREATE FUNCTION community.purchase_history_accum(state bytea,
												 occurred_at timestamptz,
												 amount bigint,
												 calibration_end timestamptz,
												 observation_end timestamptz,
												 time_zone text)
	RETURNS bytea
	AS 'MODULE_PATHNAME', 'community_purchase_history_accum'
	LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION community.purchase_history_accum(bytea, timestamptz, bigint, timestamptz,
		timestamptz, text)
	IS 'transition function of purchase_history';

CREATE FUNCTION community.purchase_history_accum(state bytea,
												 occurred_at timestamptz,
												 amount bigint)
	RETURNS bytea
	AS 'MODULE_PATHNAME', 'community_purchase_history_accum_now'
	LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION community.purchase_history_accum(bytea, timestamptz, bigint)
	IS 'transition function of purchase_history up to now';

CREATE FUNCTION community.purchase_history_accum(state bytea,
												 occurred_at timestamptz,
												 amount bigint,
												 calibration_end timestamptz)
	RETURNS bytea
	AS 'MODULE_PATHNAME', 'community_purchase_history_accum_now'
	LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION community.purchase_history_accum(bytea, timestamptz, bigint, timestamptz)
	IS 'transition function of purchase_history with a holdout up to now';

CREATE FUNCTION community.purchase_history_combine(bytea, bytea)
	RETURNS bytea
	AS 'MODULE_PATHNAME', 'community_purchase_history_combine'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.purchase_history_combine(bytea, bytea)
	IS 'combine function of purchase_history';

CREATE FUNCTION community.purchase_history_final(bytea)
	RETURNS community.purchase_summary
	AS 'MODULE_PATHNAME', 'community_purchase_history_final'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.purchase_history_final(bytea)
	IS 'final function of purchase_history';

CREATE AGGREGATE community.purchase_history(occurred_at timestamptz, amount bigint) (
	SFUNC = community.purchase_history_accum,
	STYPE = bytea,
	SSPACE = 200,
	FINALFUNC = community.purchase_history_final,
	COMBINEFUNC = community.purchase_history_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE community.purchase_history(timestamptz, bigint)
	IS 'purchase history of a member up to now, in days of UTC';

CREATE AGGREGATE community.purchase_history(occurred_at timestamptz, amount bigint,
											calibration_end timestamptz) (
	SFUNC = community.purchase_history_accum,
	STYPE = bytea,
	SSPACE = 200,
	FINALFUNC = community.purchase_history_final,
	COMBINEFUNC = community.purchase_history_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE community.purchase_history(timestamptz, bigint, timestamptz)
	IS 'purchase history of a member up to calibration_end and from there to now, in days of UTC';

CREATE AGGREGATE community.purchase_history(occurred_at timestamptz, amount bigint,
											calibration_end timestamptz,
											observation_end timestamptz,
											time_zone text) (
	SFUNC = community.purchase_history_accum,
	STYPE = bytea,
	SSPACE = 200,
	FINALFUNC = community.purchase_history_final,
	COMBINEFUNC = community.purchase_history_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE community.purchase_history(timestamptz, bigint, timestamptz, timestamptz, text)
	IS 'purchase history of a member up to calibration_end and from there to observation_end, in days of a time zone';

-- Fits

CREATE FUNCTION community.fit_bg_nbd(query text)
	RETURNS community.ltv_result
	AS 'MODULE_PATHNAME', 'community_fit_bg_nbd'
	LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION community.fit_bg_nbd(text)
	IS 'fits BG/NBD to a query that gives x, t_x and t of each member';

CREATE FUNCTION community.fit_mbg_nbd(query text)
	RETURNS community.ltv_result
	AS 'MODULE_PATHNAME', 'community_fit_mbg_nbd'
	LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION community.fit_mbg_nbd(text)
	IS 'fits MBG/NBD to a query that gives x, t_x and t of each member; the default choice';

CREATE FUNCTION community.fit_pareto_nbd(query text)
	RETURNS community.ltv_result
	AS 'MODULE_PATHNAME', 'community_fit_pareto_nbd'
	LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION community.fit_pareto_nbd(text)
	IS 'fits Pareto/NBD to a query that gives x, t_x and t of each member';

CREATE FUNCTION community.fit_gamma_gamma(query text)
	RETURNS community.ltv_result
	AS 'MODULE_PATHNAME', 'community_fit_gamma_gamma'
	LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION community.fit_gamma_gamma(text)
	IS 'fits the gamma-gamma model of spend to a query that gives x and mean of each member';

-- Predictions

CREATE FUNCTION community.ltv_parameters(model text, estimates float8[])
	RETURNS community.ltv_parameters
	AS 'MODULE_PATHNAME', 'community_ltv_parameters'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION community.ltv_parameters(text, float8[])
	IS 'parameters of a model in the order of the literature: r, alpha, a, b; r, alpha, s, beta; or p, q, gamma';

CREATE FUNCTION community.p_alive(parameters community.ltv_parameters,
								  x bigint, t_x float8, t float8)
	RETURNS float8
	AS 'MODULE_PATHNAME', 'community_p_alive'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION community.p_alive(community.ltv_parameters, bigint, float8, float8)
	IS 'probability that a member with this history has not left';

CREATE FUNCTION community.p_alive(parameters community.ltv_parameters,
								  history community.purchase_summary)
	RETURNS float8
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN community.p_alive(parameters, (history).x, (history).t_x, (history).t);
COMMENT ON FUNCTION community.p_alive(community.ltv_parameters, community.purchase_summary)
	IS 'probability that a member with this history has not left; parameters of days';

CREATE FUNCTION community.expected_purchases(parameters community.ltv_parameters,
											 x bigint, t_x float8, t float8,
											 horizon float8)
	RETURNS float8
	AS 'MODULE_PATHNAME', 'community_expected_purchases'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50;
COMMENT ON FUNCTION community.expected_purchases(community.ltv_parameters, bigint, float8,
		float8, float8)
	IS 'expected purchases of a member with this history within the time ahead';

CREATE FUNCTION community.expected_purchases(parameters community.ltv_parameters,
											 history community.purchase_summary,
											 horizon float8)
	RETURNS float8
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN community.expected_purchases(parameters, (history).x, (history).t_x, (history).t,
		horizon);
COMMENT ON FUNCTION community.expected_purchases(community.ltv_parameters,
		community.purchase_summary, float8)
	IS 'expected purchases of a member with this history within the days ahead; parameters of days';

CREATE FUNCTION community.expected_purchases(parameters community.ltv_parameters,
											 horizon float8)
	RETURNS float8
	AS 'MODULE_PATHNAME', 'community_expected_purchases_new'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50;
COMMENT ON FUNCTION community.expected_purchases(community.ltv_parameters, float8)
	IS 'expected repeat purchases of a new member within a time';

CREATE FUNCTION community.expected_spend(spend community.ltv_parameters, x bigint, mean float8)
	RETURNS float8
	AS 'MODULE_PATHNAME', 'community_expected_spend'
	LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION community.expected_spend(community.ltv_parameters, bigint, float8)
	IS 'expected mean amount of a purchase of a member with x repeats of this mean';

CREATE FUNCTION community.expected_spend(spend community.ltv_parameters,
										 history community.purchase_summary)
	RETURNS float8
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN community.expected_spend(spend, (history).x, (history).mean);
COMMENT ON FUNCTION community.expected_spend(community.ltv_parameters, community.purchase_summary)
	IS 'expected mean amount of a purchase of a member with this history';

CREATE FUNCTION community.lifetime_value(parameters community.ltv_parameters,
										 spend community.ltv_parameters,
										 x bigint, t_x float8, t float8, mean float8,
										 periods integer DEFAULT 12,
										 period float8 DEFAULT 30,
										 discount float8 DEFAULT 0.01)
	RETURNS float8
	AS 'MODULE_PATHNAME', 'community_lifetime_value'
	LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 500;
COMMENT ON FUNCTION community.lifetime_value(community.ltv_parameters,
		community.ltv_parameters, bigint, float8, float8, float8, integer, float8, float8)
	IS 'expected amount of the purchases of the periods ahead, discounted by a rate each period';

CREATE FUNCTION community.lifetime_value(parameters community.ltv_parameters,
										 spend community.ltv_parameters,
										 history community.purchase_summary,
										 periods integer DEFAULT 12,
										 period float8 DEFAULT 30,
										 discount float8 DEFAULT 0.01)
	RETURNS float8
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN community.lifetime_value(parameters, spend, (history).x, (history).t_x, (history).t,
		(history).mean, periods, period, discount);
COMMENT ON FUNCTION community.lifetime_value(community.ltv_parameters,
		community.ltv_parameters, community.purchase_summary, integer, float8, float8)
	IS 'expected amount of the purchases of the periods ahead, discounted by a rate each period; parameters of days';

CREATE FUNCTION community.discounted_purchases(parameters community.ltv_parameters,
											   x bigint, t_x float8, t float8, rate float8)
	RETURNS float8
	AS 'MODULE_PATHNAME', 'community_discounted_purchases'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50;
COMMENT ON FUNCTION community.discounted_purchases(community.ltv_parameters, bigint, float8,
		float8, float8)
	IS 'pareto_nbd: expected purchases for ever, each discounted by exp(-rate * time ahead)';

CREATE FUNCTION community.purchase_probability(parameters community.ltv_parameters,
											   n bigint, horizon float8)
	RETURNS float8
	AS 'MODULE_PATHNAME', 'community_purchase_probability'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50;
COMMENT ON FUNCTION community.purchase_probability(community.ltv_parameters, bigint, float8)
	IS 'bg_nbd, mbg_nbd: probability that a new member makes n repeat purchases within a time';

-- Does the model hold?

CREATE FUNCTION community.ltv_validate(query text,
									   parameters community.ltv_parameters,
									   calibration_end timestamptz,
									   observation_end timestamptz,
									   time_zone text DEFAULT 'UTC',
									   unit float8 DEFAULT 1)
	RETURNS TABLE (week integer, week_end date, holdout boolean,
				   actual bigint, expected float8,
				   cumulative_actual bigint, cumulative_expected float8)
	AS 'MODULE_PATHNAME', 'community_ltv_validate'
	LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL UNSAFE COST 100000 ROWS 100;
COMMENT ON FUNCTION community.ltv_validate(text, community.ltv_parameters, timestamptz,
		timestamptz, text, float8)
	IS 'repeat purchases by week, expected and actual, of those who came up to the end of calibration';

CREATE FUNCTION community.ltv_holdout(query text,
									  parameters community.ltv_parameters,
									  calibration_end timestamptz,
									  observation_end timestamptz,
									  time_zone text DEFAULT 'UTC',
									  unit float8 DEFAULT 1,
									  last_class bigint DEFAULT 7)
	RETURNS TABLE (x bigint, customers bigint, actual bigint, expected float8,
				   came_back bigint, alive float8)
	AS 'MODULE_PATHNAME', 'community_ltv_holdout'
	LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL UNSAFE COST 100000 ROWS 10;
COMMENT ON FUNCTION community.ltv_holdout(text, community.ltv_parameters, timestamptz,
		timestamptz, text, float8, bigint)
	IS 'purchases after calibration by number of repeats before, expected and actual';

-- Fits that are kept

CREATE FUNCTION community.keep_ltv_fit(fit community.ltv_result,
									   data_during tstzrange DEFAULT NULL,
									   fitted_at timestamptz DEFAULT pg_catalog.now(),
									   program bigint DEFAULT community.current_program())
	RETURNS bigint
	AS 'MODULE_PATHNAME', 'community_keep_ltv_fit'
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION community.keep_ltv_fit(community.ltv_result, tstzrange, timestamptz, bigint)
	IS 'keeps the result of a fit, and gives its id';
REVOKE ALL ON FUNCTION community.keep_ltv_fit(community.ltv_result, tstzrange, timestamptz, bigint)
	FROM PUBLIC;

CREATE FUNCTION community.newest_ltv_fit(model text DEFAULT 'mbg_nbd',
										 as_of timestamptz DEFAULT pg_catalog.now(),
										 program bigint DEFAULT community.current_program())
	RETURNS community.ltv_parameters
	AS 'MODULE_PATHNAME', 'community_newest_ltv_fit'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION community.newest_ltv_fit(text, timestamptz, bigint)
	IS 'parameters of the newest fit of a model that is kept; null when there is none';
REVOKE ALL ON FUNCTION community.newest_ltv_fit(text, timestamptz, bigint) FROM PUBLIC;
