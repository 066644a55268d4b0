
--
-- score: does the program pay?
--

CREATE FUNCTION community.program_lift(
	treated pg_catalog.text,
	measure pg_catalog.text DEFAULT NULL,
	before pg_catalog.interval DEFAULT '90 days',
	after pg_catalog.interval DEFAULT '90 days',
	strata pg_catalog.int4 DEFAULT 10,
	controls pg_catalog.text DEFAULT NULL,
	confidence pg_catalog.float8 DEFAULT 0.95,
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program(),
	OUT treated_members pg_catalog.int8,
	OUT too_new pg_catalog.int8,
	OUT closed pg_catalog.int8,
	OUT unfinished pg_catalog.int8,
	OUT unmatched pg_catalog.int8,
	OUT matched pg_catalog.int8,
	OUT control_members pg_catalog.int8,
	OUT before_treated pg_catalog.float8,
	OUT before_controls pg_catalog.float8,
	OUT after_treated pg_catalog.float8,
	OUT after_controls pg_catalog.float8,
	OUT effect pg_catalog.float8,
	OUT std_error pg_catalog.float8,
	OUT lower pg_catalog.float8,
	OUT upper pg_catalog.float8,
	OUT expected pg_catalog.float8,
	OUT lift pg_catalog.float8,
	OUT total_effect pg_catalog.float8,
	OUT imbalance pg_catalog.float8,
	OUT placebo pg_catalog.float8,
	OUT placebo_lower pg_catalog.float8,
	OUT placebo_upper pg_catalog.float8,
	OUT warnings pg_catalog.text[])
RETURNS pg_catalog.record
LANGUAGE C STABLE PARALLEL UNSAFE COST 100000
AS 'MODULE_PATHNAME', 'community_program_lift';
COMMENT ON FUNCTION community.program_lift IS
'what a treatment brought: treated members against matched ones, before and after, with an interval';
REVOKE ALL ON FUNCTION community.program_lift FROM PUBLIC;
