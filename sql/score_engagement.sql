-- If this failed, the board would not be in the order of the scores, the
-- view of super-users would rank or measure wrongly, or engagement would not
-- follow from the events.
SELECT community.create_program('score test', half_life => '10 days') > 0 AS created;
SET community.program = 'score test';
SELECT count(community.enroll(g, external_id => 'm' || g)) FROM generate_series(1, 12) g;
SELECT count(community.record(g, 'order', 'o' || g || '-' || i, g * 100, '2024-01-01 00:00+00'::timestamptz + i * interval '1 day'))
FROM generate_series(1, 10) g, generate_series(1, g) i;
SELECT replay FROM community.record(11, 'post', 'p1', 0, '2024-01-20 00:00+00');
INSERT INTO community.activity_type (program_id, type, revenue) VALUES (community.current_program(), 'tip', false);
SELECT replay FROM community.record(3, 'tip', 't1', 100000, '2024-01-05 00:00+00');
SELECT amount FROM community.reverse('o10-1', 'returned', 400, occurred_at => '2024-02-01 00:00+00');
SELECT amount FROM community.reverse('o9-9', 'returned', occurred_at => '2024-02-01 00:00+00');
-- the golden example: H = 7 days, 10 on day 0, 20 on day 7, then a late 5 on day 10
SELECT community.create_program('golden score', half_life => '7 days') > 0 AS created;
INSERT INTO community.activity_type (program_id, type, weight, weight_per_unit)
SELECT program_id, 'w', 0, 1 FROM community.program WHERE name = 'golden score';
SELECT set_config('community.program', 'golden score', false) <> '' AS chosen;
SELECT community.enroll(1), (SELECT count(community.record(1, 'w', 'd' || d, v, '2000-01-01 00:00+00'::timestamptz + d * interval '1 day'))
	FROM (VALUES (0, 10), (7, 20), (10, 5)) AS t (d, v)) AS recorded;
SELECT abs(community.score_at(score, '2000-01-15 00:00+00') - 15.864750481581) < 1e-11 AS score,
	abs(extract(epoch FROM community.falls_below_at(score, 1) - '2000-01-01 00:00+00')::float8 / 86400 - 41.914270481) < 1e-8 AS falls
FROM community.engagement WHERE program_id = community.current_program();
SET community.program = 'score test';
SELECT member, external_id, rank, percentile, round(engagement::numeric, 6) AS engagement, rfm, last_at AT TIME ZONE 'UTC' AS last_at,
	frequency, revenue, round(revenue_share, 4) AS share
FROM community.super_users('2024-02-01 00:00+00') ORDER BY rank, member;
-- what was true earlier, by what had occurred then
SELECT member, rank, round(engagement::numeric, 6) AS engagement, frequency, revenue
FROM community.super_users('2024-01-10 00:00+00') WHERE member IN (8, 9, 10) ORDER BY member;
SELECT round(sum(revenue_share), 10) AS whole FROM community.super_user WHERE program_id = community.current_program();
-- an oracle for rank and engagement
SELECT count(*) AS wrong FROM (
	SELECT s.member, s.rank, rank() OVER (ORDER BY round(coalesce(sum(power(2, -extract(epoch FROM '2024-02-01 00:00+00'::timestamptz - coalesce(o.occurred_at, e.occurred_at))::float8 / 864000) * e.engagement), 0)::numeric, 12) DESC) AS oracle,
		s.engagement - coalesce(sum(power(2, -extract(epoch FROM '2024-02-01 00:00+00'::timestamptz - coalesce(o.occurred_at, e.occurred_at))::float8 / 864000) * e.engagement), 0) AS difference
	FROM community.super_users('2024-02-01 00:00+00') s
	LEFT JOIN community.event e ON e.member_id = s.member AND e.program_id = community.current_program()
	LEFT JOIN community.event o ON o.program_id = e.program_id AND o.event_id = e.corrects
	GROUP BY s.member, s.rank, s.engagement) t
WHERE rank <> oracle OR abs(difference) > 1e-12;
-- closed members leave the board
SELECT community.close_member(10, 'left');
SELECT count(*) FILTER (WHERE member = 10) AS closed, count(*) AS members FROM community.super_users('2024-02-01 00:00+00');
-- the board and a threshold are index scans at any time
CREATE FUNCTION uses_index(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	line text;
	found_index boolean := false;
	sorts boolean := false;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		found_index := found_index OR line LIKE '%engagement_score_idx%';
		sorts := sorts OR line LIKE '%Sort%';
	END LOOP;
	RETURN found_index AND NOT sorts;
END $$;
-- the plan is that of a table whose size is known
ANALYZE community.engagement;
SET enable_seqscan = off; SET enable_bitmapscan = off;
SELECT uses_index(format('SELECT member_id FROM community.engagement WHERE program_id = %s ORDER BY score DESC LIMIT 3', community.current_program())) AS board;
SELECT uses_index(format('SELECT member_id FROM community.engagement WHERE program_id = %s AND score OPERATOR(community.>=) community.decayed(1.5, now(), %L)', community.current_program(), '10 days')) AS threshold;
SELECT member_id FROM community.engagement WHERE program_id = community.current_program()
	AND score OPERATOR(community.>=) community.decayed(0.6, '2024-02-01 00:00+00', '10 days') ORDER BY score DESC, member_id;
RESET enable_seqscan; RESET enable_bitmapscan;
-- a lost row is made again
DELETE FROM community.engagement WHERE program_id = community.current_program() AND member_id = 1;
SELECT community.record(1, 'order', 'lost', 1);
SELECT community.rebuild('engagement') AS changed;
SELECT replay FROM community.record(1, 'order', 'lost', 1);
-- another half-life: rebuild, then everything goes on
UPDATE community.program SET half_life = '20 days' WHERE program_id = community.current_program();
SELECT community.rebuild('engagement') > 0 AS changed;

SELECT replay FROM community.record(1, 'order', 'after', 1);
SELECT DISTINCT p.name, community.half_life(g.score) FROM community.engagement g JOIN community.program p USING (program_id)
WHERE p.name IN ('golden score', 'score test') ORDER BY 1;
-- programs with different half-lives do not get in each other's way
ANALYZE community.engagement;
-- three recipes of rights
CREATE ROLE community_test_app; CREATE ROLE community_test_analyst; CREATE ROLE community_test_auditor; CREATE ROLE community_test_nobody;
SELECT community.grant_application('community_test_app'), community.grant_analyst('community_test_analyst'), community.grant_auditor('community_test_auditor');
SET ROLE community_test_app;
SELECT replay FROM community.record(1, 'order', 'by app', 1);
SELECT amount FROM community.reverse('by app', 'oops');
INSERT INTO community.inbox (member_id, type, key) VALUES (1, 'order', 'by app 2');
CALL community.process_inbox();
SELECT count(*) FROM community.event;
SELECT count(*) FROM community.super_user;
SELECT community.rebuild('engagement');
SELECT community.create_program('mine');
SET ROLE community_test_analyst;
SELECT count(*) > 0 AS reads FROM community.super_user;
SELECT count(*) > 0 AS reads FROM community.event WHERE key = 'by app 2';
SELECT community.record(1, 'order', 'by analyst', 1);
INSERT INTO community.event DEFAULT VALUES;
SELECT count(*) FROM community.attachment;
SET ROLE community_test_auditor;
SELECT count(*) >= 0 AS reads FROM community.attachment;
DELETE FROM community.engagement;
SELECT community.next_id();
SET ROLE community_test_nobody;
SELECT community.record(1, 'order', 'by nobody', 1);
SELECT community.decayed(1, now());
RESET ROLE;
DROP OWNED BY community_test_app, community_test_analyst, community_test_auditor;
DROP ROLE community_test_app, community_test_analyst, community_test_auditor, community_test_nobody;
DROP FUNCTION uses_index;
