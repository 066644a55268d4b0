
	-- ------------------------------------------------------------ referral

	-- the guard of the forest is there and awake
	RETURN QUERY
	SELECT 'guard', NULL::bigint, NULL::bigint, NULL::text, 'table community.referral',
		format('the guard against %s is %s', g.against,
			CASE WHEN t.oid IS NULL THEN 'missing' ELSE 'disabled' END)
	FROM (VALUES (4, 'INSERT'), (16, 'UPDATE'), (8, 'DELETE'), (32, 'TRUNCATE')) AS g (bit, against)
	LEFT JOIN LATERAL (
		SELECT t.oid, t.tgenabled FROM pg_trigger AS t
		WHERE t.tgrelid = to_regclass('community.referral')
			AND t.tgfoid = 'community.guard_referrals()'::regprocedure
			AND t.tgtype & g.bit <> 0
		ORDER BY t.tgenabled IN ('O', 'A') DESC LIMIT 1) AS t ON true
	WHERE t.oid IS NULL OR t.tgenabled NOT IN ('O', 'A');

	-- the forest is one
	RETURN QUERY
	SELECT 'referral-' || f.rule, p.program_id, f.member_id, NULL::text, 'referral', f.detail
	FROM community.program AS p
	CROSS JOIN LATERAL community.referral_check(only_member, p.program_id) AS f
	WHERE (only_program IS NULL OR p.program_id = only_program)
		AND f.rule NOT LIKE 'information:%';
