
	-- ------------------------------------------------ referral: commissions

	-- each line is paid as its first row says, and stands in the ledger so
	RETURN QUERY
	WITH paid AS (
		SELECT c.program_id, c.event_id, c.line, c.cause_id, c.payee_id, c.points, p.currency_id,
			format('community.commission %s %s', c.event_id, c.line)
				|| CASE WHEN c.cause_id <> c.event_id THEN ' ' || c.cause_id ELSE '' END AS key
		FROM community.commission AS c
		JOIN community.commission_plan AS p ON p.program_id = c.program_id AND p.plan_id = c.plan_id
		WHERE c.points > 0 AND c.kind <> 'breakage'
			AND (only_program IS NULL OR c.program_id = only_program)
			AND (only_member IS NULL OR c.payee_id = only_member)
	)
	SELECT 'commission', c.program_id, c.payee_id, coalesce(y.code, c.currency_id::text),
		format('event %s, line %s', c.event_id, c.line),
		CASE WHEN e.entry_id IS NULL THEN format('the ledger has no entry %L', c.key)
			ELSE format('%s points of currency %s for member %s are on record, the ledger has %s of %s for member %s',
				c.points, c.currency_id, c.payee_id, e.points, e.currency_id, e.member_id) END
	FROM paid AS c
	LEFT JOIN community.currency AS y ON y.program_id = c.program_id
		AND y.currency_id = c.currency_id
	LEFT JOIN community.entry AS e ON e.program_id = c.program_id AND e.event_id = 0
		AND e.key = c.key AND e.line = 0 AND e.kind = 'commission'
	WHERE e.entry_id IS NULL OR e.points <> c.points OR e.currency_id <> c.currency_id
		OR e.member_id <> c.payee_id;

	-- what is taken back of a line is what the ledger has taken back
	RETURN QUERY
	WITH line AS (
		SELECT c.program_id, c.event_id, c.line, min(c.payee_id) AS payee_id,
			-coalesce(sum(c.points) FILTER (WHERE c.points < 0), 0) AS back,
			array_agg(format('community.commission %s %s', c.event_id, c.line)
				|| CASE WHEN c.cause_id <> c.event_id THEN ' ' || c.cause_id ELSE '' END)
				FILTER (WHERE c.points > 0) AS keys
		FROM community.commission AS c
		WHERE c.kind <> 'breakage' AND (only_program IS NULL OR c.program_id = only_program)
			AND (only_member IS NULL OR c.payee_id = only_member)
		GROUP BY 1, 2, 3
	)
	SELECT 'commission', l.program_id, l.payee_id, NULL::text,
		format('event %s, line %s', l.event_id, l.line),
		format('%s points are on record as taken back, the ledger has %s', l.back, s.back)
	FROM line AS l, LATERAL (SELECT coalesce(sum(e.cut - e.points), 0) AS back
		FROM unnest(l.keys) AS k (key)
		JOIN community.entry AS e ON e.program_id = l.program_id AND e.event_id = 0
			AND e.key = k.key AND e.kind = 'reverse') AS s
	WHERE l.back <> s.back AND only_member IS NULL;

	-- a line is what its event has come to makes of it: never below nothing, and
	-- all back when nothing is left
	RETURN QUERY
	WITH line AS (
		SELECT c.program_id, c.event_id, c.line, sum(c.points) AS now,
			(array_agg(c.points ORDER BY c.cause_id))[1]::numeric AS points,
			(array_agg(c.base ORDER BY c.cause_id))[1]::numeric AS base,
			(array_agg(c.cause_id ORDER BY c.cause_id))[1] AS cause_id,
			(array_agg(c.member_id ORDER BY c.cause_id))[1] AS member_id,
			min(c.kind) AS kind,
			bool_or(EXISTS (SELECT FROM community.referral_decision AS f
				WHERE f.program_id = c.program_id AND f.decision_id = c.cause_id)) AS has_forfeits
		FROM community.commission AS c
		WHERE only_program IS NULL OR c.program_id = only_program
		GROUP BY 1, 2, 3
	), checked AS (
		SELECT l.*, v.event_id IS NOT NULL AND v.kind = 'record' AS has_event, s.net,
			CASE WHEN NOT l.has_forfeits THEN d.due ELSE (
				-- a decision takes what came last
				WITH RECURSIVE taken AS (
					SELECT row_number() OVER (ORDER BY c.cause_id) AS n, -c.points AS points, c.kept
					FROM (SELECT x.cause_id, x.points,
							sum(x.points) OVER (ORDER BY x.cause_id) AS kept
						FROM community.commission AS x WHERE x.program_id = l.program_id
							AND x.event_id = l.event_id AND x.line = l.line) AS c
					WHERE EXISTS (SELECT FROM community.referral_decision AS f
						WHERE f.program_id = l.program_id AND f.decision_id = c.cause_id)
				), step AS (
					SELECT 0::bigint AS n, d.due
					UNION ALL
					SELECT t.n, greatest(least(s.due, t.kept), s.due - t.points)
					FROM step AS s JOIN taken AS t ON t.n = s.n + 1
				)
				SELECT s.due FROM step AS s ORDER BY s.n DESC LIMIT 1) END AS due
		FROM line AS l
		LEFT JOIN community.event AS v ON v.program_id = l.program_id AND v.event_id = l.event_id
		LEFT JOIN LATERAL (SELECT sum(e.amount) AS net FROM community.event AS e
			WHERE e.program_id = v.program_id AND e.source = v.source AND e.key = v.key
				AND (e.event_id = v.event_id OR e.corrects = v.event_id)) AS s ON true,
			LATERAL (SELECT l.points - CASE WHEN s.net <= 0 THEN l.points
				ELSE round(l.points * (l.base - s.net) / l.base) END AS due) AS d
	)
	SELECT 'commission', l.program_id, l.member_id, NULL::text,
		format('event %s, line %s', l.event_id, l.line),
		CASE WHEN NOT l.has_event THEN 'there is no such event'
			ELSE format('comes to %s points, and to %s by what is left of the event, %s',
				l.now, l.due, l.net) END
	FROM checked AS l
	WHERE (only_member IS NULL OR l.member_id = only_member)
		AND (NOT l.has_event OR l.now <> l.due);

	IF thorough THEN
		-- by the rate, but for what the ceiling has cut
		RETURN QUERY
		WITH line AS (
			SELECT DISTINCT ON (c.program_id, c.event_id, c.line) c.*
			FROM community.commission AS c
			WHERE only_program IS NULL OR c.program_id = only_program
			ORDER BY c.program_id, c.event_id, c.line, c.cause_id
		)
		SELECT 'commission', l.program_id, l.member_id, NULL::text,
			format('event %s, line %s', l.event_id, l.line),
			format('%s points are not %s of %s', l.points, l.rate, b.base)
		FROM line AS l
		LEFT JOIN line AS s ON s.program_id = l.program_id AND s.event_id = l.event_id
			AND s.line = l.source_line
		LEFT JOIN LATERAL (SELECT sum(k.points) AS points FROM line AS k
			WHERE k.program_id = l.program_id AND k.event_id = l.event_id
				AND k.source_line = l.line AND k.reason = 'ceiling' AND k.rate = l.rate
				AND k.level IS NOT DISTINCT FROM l.level
				AND k.member_id = l.member_id) AS k ON true,
			LATERAL (SELECT CASE WHEN l.kind = 'matching' THEN s.points ELSE l.base END AS base) AS b
		WHERE (only_member IS NULL OR l.member_id = only_member) AND l.kind <> 'breakage'
			AND trunc(b.base * l.rate) <> l.points + coalesce(k.points, 0)
			AND NOT (l.kind = 'matching' AND EXISTS (SELECT FROM line AS k
				WHERE k.program_id = l.program_id AND k.event_id = l.event_id AND k.reason = 'ceiling'));

		-- and nothing was paid that is not on record
		RETURN QUERY
		SELECT 'commission', e.program_id, e.member_id, coalesce(c.code, e.currency_id::text),
			format('entry %s', e.entry_id), format('no commission or reward gave it under %L', e.key)
		FROM community.entry AS e
		LEFT JOIN community.currency AS c ON c.program_id = e.program_id
			AND c.currency_id = e.currency_id
		WHERE e.kind IN ('commission', 'signup')
			AND (only_program IS NULL OR e.program_id = only_program)
			AND (only_member IS NULL OR e.member_id = only_member)
			AND NOT CASE WHEN e.key ~ '^community\.commission [0-9]+ [0-9]+( [0-9]+)?$'
				THEN EXISTS (SELECT FROM community.commission AS m
					WHERE m.program_id = e.program_id
						AND m.event_id = split_part(e.key, ' ', 2)::bigint
						AND m.line = split_part(e.key, ' ', 3)::int
						AND m.cause_id = coalesce(nullif(split_part(e.key, ' ', 4), ''),
							split_part(e.key, ' ', 2))::bigint
						AND m.points > 0 AND m.kind <> 'breakage')
				WHEN e.key ~ '^community\.signup [0-9]+$'
				THEN EXISTS (SELECT FROM community.signup_reward_given AS g
					WHERE g.program_id = e.program_id
						AND g.given_id = split_part(e.key, ' ', 2)::bigint)
				ELSE false END;
	END IF;

	-- nobody is paid for a purchase of its own
	RETURN QUERY
	SELECT 'commission', c.program_id, c.payee_id, NULL::text,
		format('event %s, line %s', c.event_id, c.line), 'the buyer is paid for its own purchase'
	FROM community.commission AS c
	JOIN community.event AS v ON v.program_id = c.program_id AND v.event_id = c.event_id
	WHERE (only_program IS NULL OR c.program_id = only_program)
		AND (only_member IS NULL OR c.payee_id = only_member)
		AND c.cause_id = c.event_id AND c.payee_id = v.member_id;

	-- rewards for signups stand in the ledger, and those that were withdrawn are back
	RETURN QUERY
	SELECT 'signup', g.program_id, g.payee_id, NULL::text, format('reward %s', g.given_id),
		CASE WHEN s.points IS NULL THEN format('the ledger has no entry %L',
				'community.signup ' || g.given_id)
			WHEN s.points IS DISTINCT FROM g.points OR s.member_id <> g.payee_id
				THEN format('%s points for member %s are on record, the ledger has %s for member %s',
					g.points, g.payee_id, s.points, s.member_id)
			ELSE format('%s of %s points are back, of a reward that %s', s.back, g.points,
				CASE WHEN g.withdrawn_at IS NULL THEN 'is given' ELSE 'was withdrawn' END) END
	FROM community.signup_reward_given AS g
	LEFT JOIN LATERAL (SELECT nullif(count(*), 0) AS entries,
			sum(e.points) FILTER (WHERE e.line = 0 AND e.kind = 'signup') AS points,
			min(e.member_id) FILTER (WHERE e.line = 0) AS member_id,
			coalesce(sum(e.cut - e.points) FILTER (WHERE e.kind = 'reverse'), 0) AS back
		FROM community.entry AS e
		WHERE e.program_id = g.program_id AND e.event_id = 0
			AND e.key = 'community.signup ' || g.given_id) AS s ON true
	WHERE (only_program IS NULL OR g.program_id = only_program)
		AND (only_member IS NULL OR g.payee_id = only_member)
		AND (g.points > 0 OR s.entries > 0)
		AND (s.entries IS NULL OR s.points IS DISTINCT FROM g.points OR s.member_id <> g.payee_id
			OR s.back <> CASE WHEN g.withdrawn_at IS NULL THEN 0 ELSE g.points END);

	-- once for each side and referee: an index sees to that
	RETURN QUERY
	SELECT 'signup', g.program_id, g.referee_id, NULL::text, format('reward %L', g.name),
		format('given %s times to the %s', count(*), g.side)
	FROM community.signup_reward_given AS g
	WHERE g.withdrawn_at IS NULL AND (only_program IS NULL OR g.program_id = only_program)
		AND (only_member IS NULL OR g.referee_id = only_member)
	GROUP BY g.program_id, g.referee_id, g.name, g.side
	HAVING count(*) > 1;

	-- what is held has been paid, waits without end, and has not been let go; what
	-- a decision took back is back
	RETURN QUERY
	SELECT 'held_payment', p.program_id, p.payee_id, NULL::text, format('payment %L', p.key),
		CASE WHEN e.entry_id IS NULL THEN 'the ledger has no such entry'
			WHEN p.settled_at IS NULL AND s.released THEN 'is held, and has been released'
			WHEN p.settled_at IS NULL THEN 'is held, and does not wait'
			ELSE format('was taken back, and %s points are left', e.points - s.back) END
	FROM community.held_payment AS p
	LEFT JOIN community.entry AS e ON e.program_id = p.program_id AND e.event_id = 0
		AND e.key = p.key AND e.line = 0
	LEFT JOIN LATERAL (SELECT coalesce(bool_or(r.kind = 'release'), false) AS released,
			coalesce(sum(r.cut - r.points) FILTER (WHERE r.kind = 'reverse'), 0) AS back
		FROM community.entry AS r
		WHERE r.program_id = p.program_id AND r.event_id = 0 AND r.key = p.key) AS s ON true
	WHERE (only_program IS NULL OR p.program_id = only_program)
		AND (only_member IS NULL OR p.payee_id = only_member) AND p.points > 0
		AND (e.entry_id IS NULL OR (p.settled_at IS NULL AND (s.released
				OR NOT EXISTS (SELECT FROM community.lots(e.delta) AS l
					WHERE l.available_at = 'infinity')))
			OR (p.decision_id IS NOT NULL AND e.points <> s.back));

	-- what may be taken back must be able to become a debt
	RETURN QUERY
	SELECT 'commission', p.program_id, NULL::bigint, c.code, format('plan %L', p.name),
		format('what is spent vanishes when it is taken back: the return policy is %s', c.return_policy)
	FROM (SELECT l.program_id, l.name, l.currency_id FROM community.commission_plan AS l
		UNION SELECT r.program_id, r.name, r.currency_id FROM community.signup_reward AS r) AS p
	JOIN community.currency AS c ON c.program_id = p.program_id AND c.currency_id = p.currency_id
	WHERE (only_program IS NULL OR p.program_id = only_program) AND only_member IS NULL
		AND c.return_policy <> 'deficit';
