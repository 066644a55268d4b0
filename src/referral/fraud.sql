
-- ------------------------------------------------------------- identities

CREATE FUNCTION community.add_identity(
	member pg_catalog.int8,
	kind pg_catalog.text,
	value pg_catalog.text,
	added_at pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_add_identity';
COMMENT ON FUNCTION community.add_identity IS
'notes a hash of what a member is known by: email, phone, device, payout or address; false when it was noted before';
REVOKE ALL ON FUNCTION community.add_identity FROM PUBLIC;

CREATE FUNCTION community.normalise_identity(
	kind pg_catalog.text,
	value pg_catalog.text)
RETURNS pg_catalog.text
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'community_normalise_identity';
COMMENT ON FUNCTION community.normalise_identity IS
'an email, phone, device, payout or address as add_identity() compares it';

CREATE FUNCTION community.shared_identities(
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (member_id pg_catalog.int8, component pg_catalog.int8)
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 1000
AS 'MODULE_PATHNAME', 'community_shared_identities';
COMMENT ON FUNCTION community.shared_identities IS
'members that are connected by shared identities, over any number of steps, addresses left out; a component is named by the least of its members';
REVOKE ALL ON FUNCTION community.shared_identities FROM PUBLIC;

CREATE FUNCTION community.short_chains(
	within pg_catalog.interval,
	length pg_catalog.int4,
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (member_id pg_catalog.int8, top_id pg_catalog.int8, "position" pg_catalog.int4,
	links pg_catalog.int4)
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 1000
AS 'MODULE_PATHNAME', 'community_short_chains';
COMMENT ON FUNCTION community.short_chains IS
'members brought one by another, each the only one of its inviter and within a time of it, in chains of so many links at least';
REVOKE ALL ON FUNCTION community.short_chains FROM PUBLIC;

-- ---------------------------------------------------------------- signals
-- Each gives who is suspected, of what, and why.  Limits come as parameters,
-- with defaults; a parameter that the signal does not know is refused.

CREATE FUNCTION community.check_fraud_parameters(
	kind pg_catalog.text,
	parameters pg_catalog.jsonb,
	known pg_catalog.text[])
RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $check_fraud_parameters$
DECLARE
	parameter text;
BEGIN
	SELECT k INTO parameter
	FROM jsonb_object_keys(check_fraud_parameters.parameters) AS k
	WHERE k <> ALL (check_fraud_parameters.known) ORDER BY k LIMIT 1;
	IF parameter IS NOT NULL THEN
		RAISE EXCEPTION 'fraud rules of kind "%" have no parameter "%"',
				check_fraud_parameters.kind, parameter
			USING ERRCODE = 'invalid_parameter_value',
				DETAIL = format('They have %s.', coalesce(nullif(
					array_to_string(check_fraud_parameters.known, ', '), ''), 'none'));
	END IF;
END
$check_fraud_parameters$;
COMMENT ON FUNCTION community.check_fraud_parameters IS
'refuses parameters of a fraud rule that its kind does not know';
REVOKE ALL ON FUNCTION community.check_fraud_parameters FROM PUBLIC;

CREATE FUNCTION community.fraud_same_identity(
	parameters pg_catalog.jsonb DEFAULT '{}',
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (member_id pg_catalog.int8, subject pg_catalog.text, evidence pg_catalog.jsonb)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET intervalstyle = 'postgres'
SET plan_cache_mode = force_custom_plan
AS $fraud_same_identity$
#variable_conflict use_column
DECLARE
	p CONSTANT jsonb := coalesce(fraud_same_identity.parameters, '{}');
BEGIN
	PERFORM community.check_fraud_parameters('same_identity', p,
		ARRAY['kinds']::text[]);
	RETURN QUERY
	SELECT i.member_id, 'shared with member ' || o.member_id,
		jsonb_build_object('sponsor', o.member_id, 'kinds', jsonb_agg(DISTINCT i.kind))
	FROM community.referral AS r
	JOIN community.referral_identity AS i ON i.program_id = r.program_id
		AND i.member_id = r.member_id
	JOIN community.referral_identity AS o ON o.program_id = i.program_id
		AND o.kind = i.kind AND o.hash = i.hash AND o.member_id IN (r.enroller_id, r.sponsor_id)
	WHERE r.program_id = fraud_same_identity.program
		AND r.joined_at <= fraud_same_identity.as_of
		AND i.added_at <= fraud_same_identity.as_of AND o.added_at <= fraud_same_identity.as_of
		AND i.kind <> 'address' AND (NOT p ? 'kinds' OR p -> 'kinds' ? i.kind)
	GROUP BY i.member_id, o.member_id;
END
$fraud_same_identity$;
COMMENT ON FUNCTION community.fraud_same_identity IS
'fraud signal: a member that shares an identity with who brought it or stands above it, addresses left out; kinds';
REVOKE ALL ON FUNCTION community.fraud_same_identity FROM PUBLIC;

CREATE FUNCTION community.fraud_rejoined(
	parameters pg_catalog.jsonb DEFAULT '{}',
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (member_id pg_catalog.int8, subject pg_catalog.text, evidence pg_catalog.jsonb)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET intervalstyle = 'postgres'
SET plan_cache_mode = force_custom_plan
AS $fraud_rejoined$
#variable_conflict use_column
DECLARE
	p CONSTANT jsonb := coalesce(fraud_rejoined.parameters, '{}');
BEGIN
	PERFORM community.check_fraud_parameters('rejoined', p,
		ARRAY['kinds']::text[]);
	RETURN QUERY
	SELECT i.member_id, 'was member ' || o.member_id,
		jsonb_build_object('closed_member', o.member_id, 'closed_at', c.closed_at,
			'kinds', jsonb_agg(DISTINCT i.kind))
	FROM community.referral_identity AS o
	JOIN community.member AS c ON c.program_id = o.program_id AND c.member_id = o.member_id
		AND c.closed_at <= fraud_rejoined.as_of
	JOIN community.referral_identity AS i ON i.program_id = o.program_id
		AND i.kind = o.kind AND i.hash = o.hash AND i.member_id <> o.member_id
	JOIN community.member AS m ON m.program_id = i.program_id AND m.member_id = i.member_id
		AND m.enrolled_at > c.closed_at
	WHERE o.program_id = fraud_rejoined.program AND i.kind <> 'address'
		AND i.added_at <= fraud_rejoined.as_of
		AND (NOT p ? 'kinds' OR p -> 'kinds' ? i.kind)
		-- who was merged goes on as somebody else
		AND NOT EXISTS (SELECT FROM community.member_merge AS b
			WHERE b.program_id = c.program_id AND b.member_id = c.member_id)
	GROUP BY i.member_id, o.member_id, c.closed_at;
END
$fraud_rejoined$;
COMMENT ON FUNCTION community.fraud_rejoined IS
'fraud signal: a member with an identity of another that was closed before it was enrolled, addresses left out; kinds';
REVOKE ALL ON FUNCTION community.fraud_rejoined FROM PUBLIC;

CREATE FUNCTION community.fraud_ring(
	parameters pg_catalog.jsonb DEFAULT '{}',
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (member_id pg_catalog.int8, subject pg_catalog.text, evidence pg_catalog.jsonb)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET intervalstyle = 'postgres'
SET plan_cache_mode = force_custom_plan
AS $fraud_ring$
#variable_conflict use_column
DECLARE
	p CONSTANT jsonb := coalesce(fraud_ring.parameters, '{}');
BEGIN
	PERFORM community.check_fraud_parameters('ring', p,
		ARRAY['accounts']::text[]);
	RETURN QUERY
	WITH RECURSIVE part AS MATERIALIZED (
		SELECT s.member_id, s.component
		FROM community.shared_identities(fraud_ring.as_of, fraud_ring.program) AS s
	), up (member_id, component, place) AS (
		SELECT s.member_id, s.component, s.member_id FROM part AS s
		UNION
		SELECT u.member_id, u.component, r.sponsor_id
		FROM up AS u JOIN community.referral AS r ON r.program_id = fraud_ring.program
			AND r.member_id = u.place AND r.sponsor_id IS NOT NULL
			AND r.joined_at <= fraud_ring.as_of
	), tree AS (
		-- the root is the place above which there is none
		SELECT u.member_id, u.component, u.place AS root_id,
			count(*) OVER (PARTITION BY u.component, u.place) AS accounts
		FROM up AS u
		WHERE NOT EXISTS (SELECT FROM community.referral AS r
			WHERE r.program_id = fraud_ring.program AND r.member_id = u.place
				AND r.sponsor_id IS NOT NULL AND r.joined_at <= fraud_ring.as_of)
	)
	SELECT a.member_id, 'connected with member ' || b.member_id,
		jsonb_build_object('sponsor', b.member_id, 'component', a.component)
	FROM part AS a
	JOIN community.referral AS r ON r.program_id = fraud_ring.program
		AND r.member_id = a.member_id AND r.joined_at <= fraud_ring.as_of
	JOIN part AS b ON b.component = a.component AND b.member_id = r.enroller_id
	UNION ALL
	SELECT t.member_id, 'ring of member ' || t.component,
		jsonb_build_object('component', t.component, 'root', t.root_id,
			'accounts', t.accounts, 'limit', coalesce((p ->> 'accounts')::integer, 4))
	FROM tree AS t
	WHERE t.accounts > coalesce((p ->> 'accounts')::integer, 4);
END
$fraud_ring$;
COMMENT ON FUNCTION community.fraud_ring IS
'fraud signal: members connected with their inviter by shared identities over several steps, or more than accounts (4) of one tree connected with each other';
REVOKE ALL ON FUNCTION community.fraud_ring FROM PUBLIC;

CREATE FUNCTION community.fraud_same_address(
	parameters pg_catalog.jsonb DEFAULT '{}',
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (member_id pg_catalog.int8, subject pg_catalog.text, evidence pg_catalog.jsonb)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET intervalstyle = 'postgres'
SET plan_cache_mode = force_custom_plan
AS $fraud_same_address$
#variable_conflict use_column
DECLARE
	p CONSTANT jsonb := coalesce(fraud_same_address.parameters, '{}');
BEGIN
	PERFORM community.check_fraud_parameters('same_address', p,
		ARRAY['members']::text[]);
	RETURN QUERY
	SELECT r.enroller_id, 'address ' || left(encode(i.hash, 'hex'), 16),
		jsonb_build_object('members', count(*),
			'limit', coalesce((p ->> 'members')::integer, 10))
	FROM community.referral AS r
	JOIN community.referral_identity AS i ON i.program_id = r.program_id
		AND i.member_id = r.member_id AND i.kind = 'address'
	WHERE r.program_id = fraud_same_address.program
		AND r.joined_at <= fraud_same_address.as_of AND i.added_at <= fraud_same_address.as_of
	GROUP BY r.enroller_id, i.hash
	HAVING count(*) > coalesce((p ->> 'members')::integer, 10);
END
$fraud_same_address$;
COMMENT ON FUNCTION community.fraud_same_address IS
'fraud signal: an inviter of whom more than members (10) joined from one network address; never more than a flag, as offices and carriers share them';
REVOKE ALL ON FUNCTION community.fraud_same_address FROM PUBLIC;

CREATE FUNCTION community.fraud_velocity(
	parameters pg_catalog.jsonb DEFAULT '{}',
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (member_id pg_catalog.int8, subject pg_catalog.text, evidence pg_catalog.jsonb)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET intervalstyle = 'postgres'
SET plan_cache_mode = force_custom_plan
AS $fraud_velocity$
#variable_conflict use_column
DECLARE
	p CONSTANT jsonb := coalesce(fraud_velocity.parameters, '{}');
BEGIN
	PERFORM community.check_fraud_parameters('velocity', p,
		ARRAY['signups', 'window']::text[]);
	RETURN QUERY
	SELECT x.enroller_id, 'signups of ' || (x.joined_at AT TIME ZONE z.time_zone)::date,
		jsonb_build_object('from', min(x.first_at), 'to', min(x.joined_at),
			'signups', coalesce((p ->> 'signups')::integer, 20) + 1,
			'limit', coalesce((p ->> 'signups')::integer, 20),
			'window', coalesce((p ->> 'window')::interval, '1 hour'))
	FROM (SELECT r.program_id, r.enroller_id, r.joined_at,
			lag(r.joined_at, coalesce((p ->> 'signups')::integer, 20))
				OVER (PARTITION BY r.enroller_id ORDER BY r.joined_at, r.member_id) AS first_at
		FROM community.referral AS r
		WHERE r.program_id = fraud_velocity.program
			AND r.joined_at <= fraud_velocity.as_of) AS x
	JOIN community.program AS z ON z.program_id = x.program_id
	WHERE x.joined_at - x.first_at <= coalesce((p ->> 'window')::interval, '1 hour')
	GROUP BY x.enroller_id, (x.joined_at AT TIME ZONE z.time_zone)::date;
END
$fraud_velocity$;
COMMENT ON FUNCTION community.fraud_velocity IS
'fraud signal: an inviter with more than signups (20) within any window (1 hour), once a day';
REVOKE ALL ON FUNCTION community.fraud_velocity FROM PUBLIC;

CREATE FUNCTION community.fraud_chain(
	parameters pg_catalog.jsonb DEFAULT '{}',
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (member_id pg_catalog.int8, subject pg_catalog.text, evidence pg_catalog.jsonb)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET intervalstyle = 'postgres'
SET plan_cache_mode = force_custom_plan
AS $fraud_chain$
#variable_conflict use_column
DECLARE
	p CONSTANT jsonb := coalesce(fraud_chain.parameters, '{}');
BEGIN
	PERFORM community.check_fraud_parameters('chain', p,
		ARRAY['length', 'within']::text[]);
	RETURN QUERY
	SELECT c.member_id, 'chain under member ' || c.top_id,
		jsonb_build_object('top', c.top_id, 'position', c.position, 'links', c.links,
			'length', coalesce((p ->> 'length')::integer, 5),
			'within', coalesce((p ->> 'within')::interval, '1 day'))
	FROM community.short_chains(coalesce((p ->> 'within')::interval, '1 day'),
		coalesce((p ->> 'length')::integer, 5), fraud_chain.as_of, fraud_chain.program) AS c;
END
$fraud_chain$;
COMMENT ON FUNCTION community.fraud_chain IS
'fraud signal: members of a chain of length (5) links or more, each brought within a time (1 day) of its inviter, whose only one it is';
REVOKE ALL ON FUNCTION community.fraud_chain FROM PUBLIC;

CREATE FUNCTION community.fraud_star(
	parameters pg_catalog.jsonb DEFAULT '{}',
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (member_id pg_catalog.int8, subject pg_catalog.text, evidence pg_catalog.jsonb)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET intervalstyle = 'postgres'
SET plan_cache_mode = force_custom_plan
AS $fraud_star$
#variable_conflict use_column
DECLARE
	p CONSTANT jsonb := coalesce(fraud_star.parameters, '{}');
BEGIN
	PERFORM community.check_fraud_parameters('star', p,
		ARRAY['type', 'invitees', 'after', 'factor']::text[]);
	RETURN QUERY
	WITH invitee AS (
		SELECT r.enroller_id, EXISTS (SELECT FROM community.counted_event AS e
			WHERE e.program_id = r.program_id AND e.member_id = r.member_id
				AND e.type = coalesce(p ->> 'type', 'order')
				AND e.occurred_at <= fraud_star.as_of) AS active
		FROM community.referral AS r
		WHERE r.program_id = fraud_star.program
			AND r.joined_at <= fraud_star.as_of - coalesce((p ->> 'after')::interval, '7 days')
	), whole AS (
		SELECT avg(v.active::integer)::float8 AS rate FROM invitee AS v
	)
	SELECT v.enroller_id, 'invitees'::text,
		jsonb_build_object('invitees', count(*), 'active', count(*) FILTER (WHERE v.active),
			'rate', round(avg(v.active::integer), 4), 'program', round(w.rate::numeric, 4),
			'factor', coalesce((p ->> 'factor')::float8, 0.25))
	FROM invitee AS v, whole AS w
	GROUP BY v.enroller_id, w.rate
	HAVING count(*) >= coalesce((p ->> 'invitees')::integer, 20)
		AND avg(v.active::integer) < w.rate * coalesce((p ->> 'factor')::float8, 0.25);
END
$fraud_star$;
COMMENT ON FUNCTION community.fraud_star IS
'fraud signal: an inviter of whose invitees (20 or more, known for a time after, 7 days) the share with an event of the type (order) is below factor (0.25) times that of the program';
REVOKE ALL ON FUNCTION community.fraud_star FROM PUBLIC;

CREATE FUNCTION community.fraud_too_fast(
	parameters pg_catalog.jsonb DEFAULT '{}',
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (member_id pg_catalog.int8, subject pg_catalog.text, evidence pg_catalog.jsonb)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET intervalstyle = 'postgres'
SET plan_cache_mode = force_custom_plan
AS $fraud_too_fast$
#variable_conflict use_column
DECLARE
	p CONSTANT jsonb := coalesce(fraud_too_fast.parameters, '{}');
BEGIN
	PERFORM community.check_fraud_parameters('too_fast', p,
		ARRAY['type', 'quantile', 'factor', 'sample']::text[]);
	RETURN QUERY
	WITH delay AS (
		SELECT v.member_id, v.token, extract(epoch FROM min(e.occurred_at) - v.clicked_at)::float8
			AS seconds
		FROM community.referral_conversion AS v
		JOIN community.counted_event AS e ON e.program_id = v.program_id
			AND e.member_id = v.member_id AND e.type = coalesce(p ->> 'type', 'order')
			AND e.occurred_at >= v.clicked_at AND e.occurred_at <= fraud_too_fast.as_of
		WHERE v.program_id = fraud_too_fast.program
		GROUP BY v.member_id, v.token, v.clicked_at
	), bar AS (
		SELECT percentile_cont(coalesce((p ->> 'quantile')::float8, 0.01))
				WITHIN GROUP (ORDER BY d.seconds) AS quantile
		FROM delay AS d
		HAVING count(*) >= coalesce((p ->> 'sample')::integer, 100)
	)
	SELECT d.member_id, 'link ' || d.token,
		jsonb_build_object('seconds', d.seconds, 'quantile', b.quantile,
			'factor', coalesce((p ->> 'factor')::float8, 0.1))
	FROM delay AS d, bar AS b
	WHERE d.seconds < b.quantile * coalesce((p ->> 'factor')::float8, 0.1);
END
$fraud_too_fast$;
COMMENT ON FUNCTION community.fraud_too_fast IS
'fraud signal: a member whose first event of the type (order) followed its click sooner than factor (0.1) times the quantile (0.01) of the program, of a sample of 100 conversions or more';
REVOKE ALL ON FUNCTION community.fraud_too_fast FROM PUBLIC;

CREATE FUNCTION community.fraud_reward(
	parameters pg_catalog.jsonb DEFAULT '{}',
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (member_id pg_catalog.int8, subject pg_catalog.text, evidence pg_catalog.jsonb)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET intervalstyle = 'postgres'
SET plan_cache_mode = force_custom_plan
AS $fraud_reward$
#variable_conflict use_column
DECLARE
	p CONSTANT jsonb := coalesce(fraud_reward.parameters, '{}');
BEGIN
	PERFORM community.check_fraud_parameters('reward', p,
		ARRAY['type', 'minimum', 'refunded_within', 'reward', 'margin']::text[]);
	RETURN QUERY
	WITH first_order AS (
		SELECT DISTINCT ON (e.member_id) e.program_id, e.member_id, e.event_id, e.key, e.source,
			e.occurred_at, e.amount
		FROM community.referral AS r
		JOIN community.event AS e ON e.program_id = r.program_id AND e.member_id = r.member_id
			AND e.type = coalesce(p ->> 'type', 'order') AND e.corrects IS NULL
			AND e.occurred_at >= r.joined_at AND e.occurred_at <= fraud_reward.as_of
		WHERE r.program_id = fraud_reward.program AND r.joined_at <= fraud_reward.as_of
		ORDER BY e.member_id, e.occurred_at, e.event_id
	), judged AS (
		SELECT o.*, c.refunded, c.refunded_at,
			o.amount < coalesce((p ->> 'minimum')::bigint, 0) AS small,
			o.amount > 0 AND c.refunded >= o.amount
				AND c.refunded_at <= o.occurred_at
					+ coalesce((p ->> 'refunded_within')::interval, '14 days') AS returned,
			o.amount * coalesce((p ->> 'margin')::numeric, 1)
				< coalesce((p ->> 'reward')::numeric, 0) AS dear
		FROM first_order AS o
		CROSS JOIN LATERAL (SELECT coalesce(-sum(x.amount), 0) AS refunded,
				max(x.occurred_at) AS refunded_at
			FROM community.event AS x
			WHERE x.program_id = o.program_id AND x.key = o.key AND x.source = o.source
				AND x.corrects = o.event_id AND x.occurred_at <= fraud_reward.as_of) AS c
	)
	SELECT j.member_id, 'event ' || j.event_id,
		jsonb_strip_nulls(jsonb_build_object('amount', j.amount,
			'below_minimum', CASE WHEN j.small THEN (p ->> 'minimum')::bigint END,
			'refunded_at', CASE WHEN j.returned THEN j.refunded_at END,
			'reward', CASE WHEN j.dear THEN (p ->> 'reward')::numeric END,
			'margin', CASE WHEN j.dear THEN coalesce((p ->> 'margin')::numeric, 1) END))
	FROM judged AS j
	WHERE j.small OR j.returned OR j.dear;
END
$fraud_reward$;
COMMENT ON FUNCTION community.fraud_reward IS
'fraud signal: a member that was brought, whose first event of the type (order) is below minimum (0), was taken back whole within a time (refunded_within, 14 days), or brings less margin (share of the amount) than the reward';
REVOKE ALL ON FUNCTION community.fraud_reward FROM PUBLIC;

-- ------------------------------------------------------ flags and decisions

CREATE FUNCTION community.guard_fraud_rules()
RETURNS pg_catalog.trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_guard_fraud_rules';
COMMENT ON FUNCTION community.guard_fraud_rules IS
'trigger: a fraud rule that has raised flags can be ended and nothing else';
REVOKE ALL ON FUNCTION community.guard_fraud_rules FROM PUBLIC;

CREATE FUNCTION community.review_referrals(
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int8
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_review_referrals';
COMMENT ON FUNCTION community.review_referrals IS
'looks for all that the fraud rules in force name, flags what was not flagged before, and gives the number of new flags';
REVOKE ALL ON FUNCTION community.review_referrals FROM PUBLIC;

CREATE FUNCTION community.decide_flag(
	flag pg_catalog.int8,
	decision pg_catalog.text,
	reason pg_catalog.text,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_decide_flag';
COMMENT ON FUNCTION community.decide_flag IS
'decides about a flag, hold, release or confirm, with a reason, and lets what waits for it go or takes it back; false when that was decided before';
REVOKE ALL ON FUNCTION community.decide_flag FROM PUBLIC;

CREATE FUNCTION community.referral_is_held(
	member pg_catalog.int8,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.bool
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_referral_is_held';
COMMENT ON FUNCTION community.referral_is_held IS
'whether what is to be paid to a member or for what it buys waits, by a flag or a sanction';
REVOKE ALL ON FUNCTION community.referral_is_held FROM PUBLIC;
