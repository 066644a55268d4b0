
-- ----------------------------------------------------------- commissions

CREATE FUNCTION community.define_commission_plan(
	name pg_catalog.text,
	types pg_catalog.text[],
	rates pg_catalog.jsonb,
	currency pg_catalog.text DEFAULT 'points',
	kind pg_catalog.text DEFAULT 'unilevel',
	compression pg_catalog.bool DEFAULT false,
	levels pg_catalog.int4 DEFAULT NULL,
	override_rate pg_catalog.numeric DEFAULT NULL,
	matching_rate pg_catalog.numeric DEFAULT NULL,
	ceiling_rate pg_catalog.numeric DEFAULT NULL,
	ladder pg_catalog.text DEFAULT NULL,
	least_tier pg_catalog.text DEFAULT NULL,
	leader_tier pg_catalog.text DEFAULT NULL,
	member_filter pg_catalog.jsonb DEFAULT NULL,
	payload_filter pg_catalog.jsonb DEFAULT NULL,
	minimum_amount pg_catalog.int8 DEFAULT NULL,
	first_events pg_catalog.int4 DEFAULT NULL,
	first_time pg_catalog.interval DEFAULT NULL,
	pending_for pg_catalog.interval DEFAULT NULL,
	from_time pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int8
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_define_commission_plan';
COMMENT ON FUNCTION community.define_commission_plan IS
'defines what events of some types pay to those above who did them, from a time on; ends the plan of that name that is valid then, and gives the id of the new one';
REVOKE ALL ON FUNCTION community.define_commission_plan FROM PUBLIC;

CREATE FUNCTION community.close_commission_plan(
	name pg_catalog.text,
	from_time pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int8
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_close_commission_plan';
COMMENT ON FUNCTION community.close_commission_plan IS
'ends the commission plan of that name that is valid at from_time, and gives its id';
REVOKE ALL ON FUNCTION community.close_commission_plan FROM PUBLIC;

CREATE FUNCTION community.set_paid_levels(
	levels pg_catalog.int4,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int4
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_set_paid_levels';
COMMENT ON FUNCTION community.set_paid_levels IS
'how many members above a buyer may be paid at all; only the owner of the tables may raise it; gives the number before';
REVOKE ALL ON FUNCTION community.set_paid_levels FROM PUBLIC;

CREATE FUNCTION community.commission_headcount(
	least_people pg_catalog.int8 DEFAULT 30,
	least_levels pg_catalog.int4 DEFAULT 3,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (
	member_id pg_catalog.int8,
	people pg_catalog.int8,
	levels pg_catalog.int8,
	is_root pg_catalog.bool)
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED ROWS 100
AS 'MODULE_PATHNAME', 'community_commission_headcount';
COMMENT ON FUNCTION community.commission_headcount IS
'organisers who have at least so many people on at least so many levels, themselves and their own level included';
REVOKE ALL ON FUNCTION community.commission_headcount FROM PUBLIC;

CREATE FUNCTION community.guard_commissions()
RETURNS pg_catalog.trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_guard_commissions';
COMMENT ON FUNCTION community.guard_commissions IS
'trigger: lets commission plans, rates and signup rewards that have been in force only end, and sees that they go together';
REVOKE ALL ON FUNCTION community.guard_commissions FROM PUBLIC;

CREATE FUNCTION community.guard_paid_levels()
RETURNS pg_catalog.trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_guard_paid_levels';
COMMENT ON FUNCTION community.guard_paid_levels IS
'trigger: lets only the owner of the tables raise the number of paid levels';
REVOKE ALL ON FUNCTION community.guard_paid_levels FROM PUBLIC;
