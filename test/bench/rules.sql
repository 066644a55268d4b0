-- Rules and caps, and what they gave.

-- No points, and these rules and caps: two rules or none, a cap by that period
-- or none.
CREATE FUNCTION set_rules(two boolean, cap text) RETURNS void LANGUAGE sql
SET session_replication_role = replica AS $$
	TRUNCATE community.entry, community.account_fold, community.cap_usage, entry_twin;
	DELETE FROM community.cap;
	DELETE FROM community.accrual_rule;
	INSERT INTO community.accrual_rule (program_id, name, currency_id, position, effect, points, per)
	SELECT c.program_id, r.name, c.currency_id, r.position, r.effect, r.points, r.per
	FROM community.currency AS c,
		(VALUES ('spend', 1, 'per_unit', 1, 100), ('welcome', 2, 'fixed', 5, NULL))
			AS r (name, position, effect, points, per)
	WHERE two;
	INSERT INTO community.cap (program_id, name, currency_id, maximum, period)
	SELECT c.program_id, cap, c.currency_id, CASE cap WHEN 'day' THEN 100 ELSE 1000 END,
		('calendar ' || cap)::community.period
	FROM community.currency AS c WHERE cap <> '';
$$;

-- All there is to know about the points, but for ids and the time of recording.
CREATE FUNCTION books() RETURNS text LANGUAGE sql AS $$
	SELECT format('%s entries of %s points, %s cut, digest %s; %s counted by caps', count(*),
		sum(n.points), sum(n.cut), md5(string_agg(n::text, E'\n' ORDER BY v.key, n.line)),
		(SELECT format('%s points of %s events in %s rows', sum(u.points), sum(u.events), count(*))
			FROM community.cap_usage AS u))
	FROM community.event AS v, LATERAL (SELECT e.member_id, e.points, e.effective_at, e.cut,
			e.line, e.posted, e.kind, e.delta, e.rule_points, cardinality(e.cut_by) AS cut_by
		FROM community.entry AS e
		WHERE e.program_id = v.program_id AND e.event_id = v.event_id) AS n
$$;
