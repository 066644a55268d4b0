
	-- ------------------------------------------------ codes, flags, sanctions

	-- what codes count is what was noted
	RETURN QUERY
	SELECT 'code-uses', c.program_id, c.member_id, NULL::text, format('code "%s"', c.code),
		format('%s uses are counted and %s noted', c.used, u.noted)
	FROM community.referral_code AS c
	CROSS JOIN LATERAL (SELECT count(*) AS noted FROM community.referral_code_use AS x
		WHERE x.program_id = c.program_id AND x.code = c.code) AS u
	WHERE (only_program IS NULL OR c.program_id = only_program)
		AND (only_member IS NULL OR c.member_id = only_member)
		AND c.uses IS NOT NULL AND c.used <> u.noted;

	-- a flag has its rule, whom a sanction is about the sanction, and the
	-- decisions about a flag have come to where it stands
	RETURN QUERY
	SELECT 'flag', f.program_id, f.member_id, NULL::text, format('flag %s', f.flag_id),
		CASE WHEN u.rule_id IS NULL THEN format('rule %s does not exist', f.rule_id)
			ELSE format('stands as %s, and the last decision is %s', f.status,
				coalesce(d.decision, 'none')) END
	FROM community.referral_flag AS f
	LEFT JOIN community.fraud_rule AS u ON u.program_id = f.program_id
		AND u.rule_id = f.rule_id
	LEFT JOIN LATERAL (SELECT x.decision FROM community.referral_decision AS x
		WHERE x.program_id = f.program_id AND x.flag_id = f.flag_id
		ORDER BY x.decision_id DESC LIMIT 1) AS d ON true
	WHERE (only_program IS NULL OR f.program_id = only_program)
		AND (only_member IS NULL OR f.member_id = only_member)
		AND (u.rule_id IS NULL OR coalesce(d.decision, 'none') <> CASE f.status
			WHEN 'released' THEN 'release' WHEN 'confirmed' THEN 'confirm'
			WHEN 'held' THEN CASE WHEN u.action = 'hold' THEN coalesce(d.decision, 'none')
				ELSE 'hold' END
			ELSE 'none' END);
	RETURN QUERY
	SELECT 'sanction', x.program_id, x.member_id, NULL::text,
		format('sanction %s', x.sanction_id), 'does not exist'
	FROM community.referral_sanctioned AS x
	LEFT JOIN community.referral_sanction AS s ON s.program_id = x.program_id
		AND s.sanction_id = x.sanction_id
	WHERE (only_program IS NULL OR x.program_id = only_program)
		AND (only_member IS NULL OR x.member_id = only_member)
		AND s.sanction_id IS NULL;
