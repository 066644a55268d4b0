-- If this failed, commissions would not be what the reference says: wrong
-- levels, tiers, overrides or cuts, refunds that are not exact, or money that
-- a payee has spent and that vanishes.
CREATE SCHEMA golden_pay;
SET search_path = golden_pay, public;
SELECT community.create_program('referral_commission golden') > 0 AS created;
SET community.program = 'referral_commission golden';
SET timezone = 'UTC';
INSERT INTO community.currency (program_id, code, scale) VALUES (community.current_program(), 'cash', 2);
-- five levels may be paid here
SELECT community.set_paid_levels(5);

-- tiers that are granted alone
INSERT INTO community.ladder (program_id, name) VALUES (community.current_program(), 'ranks');
INSERT INTO community.tier (program_id, ladder_id, rank, name, entry)
SELECT program_id, ladder_id, n, (ARRAY['five', 'eight', 'twelve'])[n], 'invitation' FROM community.ladder, generate_series(1, 3) n
WHERE program_id = community.current_program();
SELECT count(*) FROM community.publish_ladder('ranks', '-infinity');

-- an upline for each row: buyer 100 g, above it 100 g + 1 to 4; P1 is the nearest
CREATE FUNCTION upline(g int, ranks text[] DEFAULT '{}') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN REVERSE 4..0 LOOP
		PERFORM community.enroll(100 * g + i, sponsor => CASE WHEN i < 4 THEN 100 * g + i + 1 END, joined_at => '2024-01-01');
		IF i > 0 AND ranks[i] IS NOT NULL THEN
			PERFORM community.grant_tier(100 * g + i, 'ranks', ranks[i], '[2024-01-01,)', reason => 'golden', key => format('%s %s', g, i));
		END IF;
	END LOOP;
END $$;
-- what the sale of a row is in the books: by place, what it gets, or why not
CREATE VIEW line AS
SELECT c.event_id, v.key AS sale, c.line, c.kind, c.level, 'P' || c.member_id % 100 AS place, sum(c.points) AS points,
	c.rate, c.reason, c.source_line, count(*) - 1 AS changes
FROM community.commission c JOIN community.event v USING (program_id, event_id) WHERE c.program_id = community.current_program()
GROUP BY c.program_id, c.event_id, v.key, c.line, c.kind, c.level, c.member_id, c.rate, c.reason, c.source_line;
CREATE FUNCTION cash(member bigint) RETURNS text LANGUAGE sql AS $$
	SELECT (b.available / 100.0)::numeric(12,2)::text || CASE WHEN b.deficit > 0 THEN format(' owes %s', (b.deficit / 100.0)::numeric(12,2)) ELSE '' END
	FROM community.balance($1, 'cash') b $$;
-- each row of the reference has a type of event of its own, and is sold once
CREATE FUNCTION sell(g int, amount bigint DEFAULT 100000) RETURNS TABLE (place text, kind text, level int, points numeric, reason text)
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM community.record(100 * g, 'sale ' || g, 'sale ' || g, amount, '2024-03-01');
	RETURN QUERY SELECT coalesce(l.place, '-'), l.kind, l.level, (l.points / 100.0)::numeric(12,2), l.reason FROM line l
	WHERE l.sale = 'sale ' || g ORDER BY l.line;
END $$;
CREATE FUNCTION plan(g int, rates jsonb, VARIADIC options text[] DEFAULT '{}') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SELECT community.define_commission_plan(%L, %L, %L, ''cash'', from_time => ''2024-01-01''%s)',
		'plan ' || g, ARRAY['sale ' || g], rates, (SELECT string_agg(', ' || o, '') FROM unnest(options) o));
END $$;

-- unilevel 10/5/2 %: 100, 50, 20
SELECT upline(1), plan(1, '[0.10, 0.05, 0.02]');
SELECT * FROM sell(1);
-- level cap 2: 100, 50; breakage 20
SELECT upline(2), plan(2, '[0.10, 0.05, 0.02]', 'levels => 2');
SELECT * FROM sell(2);
-- P2 inactive, no compression: 100, -, 20; breakage 50
SELECT upline(3), plan(3, '[0.10, 0.05, 0.02]');
SELECT community.close_member(302, 'left');
SELECT * FROM sell(3);
-- compression: P1 100, P3 50, P4 20
SELECT upline(4), plan(4, '[0.10, 0.05, 0.02]', 'compression => true');
SELECT community.close_member(402, 'left');
SELECT * FROM sell(4);
-- differential, ranks 5, 8, 8, 12 %: 50, 30, 0, 40; total 120 = highest rate
SELECT upline(5, '{five,eight,eight,twelve}');
SELECT plan(5, '[{"tier": "five", "rate": 0.05}, {"tier": "eight", "rate": 0.08}, {"tier": "twelve", "rate": 0.12}]', 'kind => ''differential''', 'ladder => ''ranks''');
SELECT * FROM sell(5);
SELECT sum(points) / 100 AS total FROM line WHERE sale = 'sale 5';
-- and equal-rank override 1 %, one step: P3 +10
SELECT upline(6, '{five,eight,eight,twelve}');
SELECT plan(6, '[{"tier": "five", "rate": 0.05}, {"tier": "eight", "rate": 0.08}, {"tier": "twelve", "rate": 0.12}]', 'kind => ''differential''', 'ladder => ''ranks''', 'override_rate => 0.01');
SELECT * FROM sell(6);
-- one step: a third of the same rank has none
SELECT upline(7, '{eight,eight,eight,twelve}');
SELECT plan(7, '[{"tier": "five", "rate": 0.05}, {"tier": "eight", "rate": 0.08}, {"tier": "twelve", "rate": 0.12}]', 'kind => ''differential''', 'ladder => ''ranks''', 'override_rate => 0.01');
SELECT * FROM sell(7);
-- stair-step breakaway: P2 is a leader, P3 gets the override of 5 % on its group alone: 50
SELECT upline(8, '{five,twelve,twelve,twelve}');
SELECT plan(8, '[{"tier": "five", "rate": 0.05}, {"tier": "eight", "rate": 0.08}, {"tier": "twelve", "rate": 0.12}]', 'kind => ''breakaway''', 'ladder => ''ranks''', 'leader_tier => ''twelve''', 'override_rate => 0.05');
SELECT * FROM sell(8);
-- before there is a leader, differences as ever
SELECT upline(9, '{five,eight,five,eight}');
SELECT plan(9, '[{"tier": "five", "rate": 0.05}, {"tier": "eight", "rate": 0.08}]', 'kind => ''breakaway''', 'ladder => ''ranks''', 'leader_tier => ''twelve''', 'override_rate => 0.05');
SELECT * FROM sell(9);
-- matching 10 % on P1's own commission of 100: P2 +10
SELECT upline(10), plan(10, '[0.10]', 'matching_rate => 0.1');
SELECT * FROM sell(10);
-- partial refund 40 %: -40, -20, -8
SELECT upline(11), plan(11, '[0.10, 0.05, 0.02]');
SELECT * FROM sell(11);
SELECT jsonb_path_query_array(commissions, '$[*].points') AS back FROM community.reverse('sale 11', 'one piece', 40000, request_key => 'r 11');
SELECT cash(1101), cash(1102), cash(1103);
-- payee already spent the money: the balance becomes -x, withheld from later earnings
SELECT upline(12), plan(12, '[0.10]');
SELECT * FROM sell(12);
SELECT points FROM community.redeem(1201, 9000, 'spent', 'cash');
SELECT jsonb_path_query_array(commissions, '$[*].points') AS back FROM community.reverse('sale 12', 'all of it');
SELECT cash(1201);
SELECT jsonb_path_query_array(commissions, '$[*].points') AS paid FROM community.record(1200, 'sale 12', 'sale 12 again', 100000, '2024-03-02');
SELECT cash(1201);
-- reparent between order and refund: the frozen lines are followed
SELECT upline(13), upline(14), plan(13, '[0.10, 0.05, 0.02]');
SELECT * FROM sell(13);
SELECT community.reparent(1300, 1404, 'moved') IS NOT NULL AS moved;
SELECT (c ->> 'payee')::int % 100 AS p, c ->> 'points' AS points, c ->> 'plan' AS plan
FROM community.reverse('sale 13', 'back') r, jsonb_array_elements(r.commissions) c;
-- while what is sold from then on goes where it stands
SELECT c ->> 'payee' AS payee, c ->> 'points' AS points
FROM community.record(1300, 'sale 13', 'sale 13 again', 100000, '2024-03-02') r, jsonb_array_elements(r.commissions) c;

-- payout ceiling: the farthest is cut first
SELECT upline(15), plan(15, '[0.10, 0.05, 0.02]', 'ceiling_rate => 0.12');
SELECT * FROM sell(15);
SELECT upline(16), plan(16, '[0.10, 0.05]', 'ceiling_rate => 0.10', 'matching_rate => 0.5');
SELECT * FROM sell(16);
SELECT upline(17), plan(17, '[0.10, 0.05]', 'ceiling_rate => 0');
SELECT * FROM sell(17);
-- repeated partial refunds: parts of a line sum exactly to it.  33 is a third of
-- 100: of 10 come back round(10 * 0.33) = 3, round(10 * 0.66) - 3 = 4, 3
SELECT upline(18), plan(18, '[0.10, 0.05, 0.02]');
SELECT sum(points * 100) FROM sell(18, 100);
SELECT n, jsonb_path_query_array(r.commissions, '$[*].points') AS back
FROM (VALUES (1, 33), (2, 33), (3, NULL)) v (n, part), community.reverse('sale 18', 'piece ' || n, part, request_key => 'r 18 ' || n) r;
SELECT line, points, changes FROM line WHERE sale = 'sale 18' ORDER BY line;
-- lines are cut off to the cent: 9.9, 4.95 and 1.98 cents
SELECT upline(19), plan(19, '[0.10, 0.05, 0.02]');
SELECT place, points FROM sell(19, 99);
-- what derives from a commission goes back with it
SELECT upline(20), plan(20, '[0.10, 0.05]', 'matching_rate => 0.1');
SELECT * FROM sell(20);
SELECT c ->> 'payee' AS payee, c ->> 'points' AS points FROM community.reverse('sale 20', 'half', 50000, request_key => 'r 20') r, jsonb_array_elements(r.commissions) c;
SELECT c ->> 'payee' AS payee, c ->> 'points' AS points FROM community.reverse('sale 20', 'rest') r, jsonb_array_elements(r.commissions) c;
SELECT cash(2001), cash(2002), cash(2003);
-- a rate for the tier comes before one for all, and one for the type before both
SELECT upline(21, '{eight}');
SELECT community.define_commission_plan('fine', '{sale 21,rent}', '[0.10, {"level": 1, "tier": "eight", "rate": 0.2}, {"level": 1, "type": "rent", "rate": 0.3}]',
	'cash', ladder => 'ranks', from_time => '2024-01-01') > 0 AS made;
SELECT place, points FROM sell(21);
SELECT jsonb_path_query_array(commissions, '$[*].points') FROM community.record(2100, 'rent', 'rent', 100000, '2024-03-01');
SELECT * FROM community.check_installation('full', community.current_program());
