
	-- ----------------------------------------------- groups and bargains

	-- every slot is free or somebody's
	RETURN QUERY
	SELECT 'group-slot', g.program_id, NULL::bigint, NULL::text, format('group %s', g.group_id),
		format('%s slots are free and %s taken, of %s', s.free, s.taken, g.capacity)
	FROM community.group_buy AS g
	CROSS JOIN LATERAL (SELECT
		(SELECT count(*) FROM community.group_slot AS f
			WHERE f.program_id = g.program_id AND f.group_id = g.group_id) AS free,
		(SELECT count(*) FROM community.group_member AS m
			WHERE m.program_id = g.program_id AND m.group_id = g.group_id
				AND m.left_at IS NULL) AS taken) AS s
	WHERE only_member IS NULL AND (only_program IS NULL OR g.program_id = only_program)
		AND s.free + s.taken <> g.capacity;

	-- nobody is paid back what was taken for good, and who stays in a group that
	-- was full in time has paid, or it is said why not
	RETURN QUERY
	SELECT 'group-payment', m.program_id, m.member_id, NULL::text, format('group %s', m.group_id),
		CASE WHEN g.group_id IS NULL
				THEN format('joined with key "%s" a group that is not there', m.key)
			WHEN m.left_at IS NOT NULL THEN format('left, and hold "%s" is not released', m.hold_key)
			ELSE format('hold "%s" is not settled though the group is', m.hold_key) END
	FROM community.group_member AS m
	LEFT JOIN community.group_buy AS g ON g.program_id = m.program_id AND g.group_id = m.group_id
	WHERE (only_program IS NULL OR m.program_id = only_program)
		AND (only_member IS NULL OR m.member_id = only_member)
		AND (g.group_id IS NULL OR (m.hold_key IS NOT NULL AND m.captured_at IS NULL
			AND m.refunded_at IS NULL AND m.hold_fault IS NULL
			AND (m.left_at IS NOT NULL OR g.settled_at IS NOT NULL)));

	-- prices are cut by what the cuts say, as the seed has it
	RETURN QUERY
	SELECT 'bargain', b.program_id, b.member_id, NULL::text, format('bargain %s', b.bargain_id),
		format('%s cuts of %s in all, and %s recorded; %s is left of %s', c.n, c.amount, b.cuts,
			b.remaining, b.price - b.floor_price)
	FROM community.bargain AS b
	CROSS JOIN LATERAL (SELECT count(*) AS n, coalesce(sum(x.amount), 0) AS amount,
			coalesce(bool_and(x.as_cut), true) AS as_cut
		FROM (SELECT k.amount, k.amount = community.bargain_step(b.price - b.floor_price
					- coalesce(sum(k.amount) OVER (ORDER BY k.turn
						ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::bigint,
					b.participants - k.turn + 1, b.seed, k.turn, b.least_percent,
					b.most_percent) AS as_cut
			FROM community.bargain_cut AS k
			WHERE k.program_id = b.program_id AND k.bargain_id = b.bargain_id) AS x) AS c
	WHERE (only_program IS NULL OR b.program_id = only_program)
		AND (only_member IS NULL OR b.member_id = only_member)
		AND (c.n <> b.cuts OR c.amount + b.remaining <> b.price - b.floor_price OR NOT c.as_cut);
