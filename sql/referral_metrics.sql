-- If this failed, figures about referrals would be wrong: shares of signups,
-- orders and revenue, K and its cohorts, cycle times, generations, reproduction
-- numbers, concentration of inviters, or the forest as it was at some time.
\set VERBOSITY default
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';
SET extra_float_digits = 0;
BEGIN;
SELECT community.create_program('referral_metrics golden') > 0 AS created;
SET LOCAL community.program = 'referral_metrics golden';
CREATE FUNCTION pg_temp.refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
	RETURN sqlstate || ' ' || sqlerrm;
END $$;
-- a member that joined on a day of January 2024, perhaps under a sponsor
CREATE FUNCTION pg_temp.at(day numeric) RETURNS timestamptz LANGUAGE sql AS
	$$ SELECT timestamptz '2024-01-01 12:00' + day * interval '1 day' $$;
CREATE FUNCTION pg_temp.bind(m bigint, sponsor bigint, at timestamptz, lapses_at timestamptz DEFAULT NULL)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	-- histories are made up, so guards are asleep
	SET LOCAL session_replication_role = replica;
	INSERT INTO community.referral (program_id, member_id, sponsor_id, enroller_id, joined_at, depth, lapses_at)
	SELECT community.current_program(), m, sponsor, sponsor, at, 1 + coalesce((SELECT r.depth FROM community.referral AS r
		WHERE r.program_id = community.current_program() AND r.member_id = sponsor), 0), bind.lapses_at;
	SET LOCAL session_replication_role = origin;
END $$;
CREATE FUNCTION pg_temp.move(m bigint, sponsor bigint, at timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL session_replication_role = replica;
	INSERT INTO community.referral_move (program_id, member_id, from_id, to_id, moved_at, reason)
	SELECT r.program_id, m, r.sponsor_id, sponsor, at, 'test' FROM community.referral AS r
	WHERE r.program_id = community.current_program() AND r.member_id = m;
	UPDATE community.referral AS r SET sponsor_id = sponsor
	WHERE r.program_id = community.current_program() AND r.member_id = m;
	SET LOCAL session_replication_role = origin;
END $$;

-- forest G of the reference: member, sponsor, day
CREATE TEMP TABLE g (name text, sponsor text, day int);
INSERT INTO g VALUES ('A', NULL, 0), ('B', NULL, 0), ('C', NULL, 1), ('D', 'A', 1), ('E', 'A', 2), ('F', 'A', 4),
	('G', 'D', 3), ('H', 'D', 5), ('I', 'G', 6), ('J', 'B', 2), ('K', 'J', 9), ('L', NULL, 10);
SELECT count(community.enroll(ascii(name), joined_at => pg_temp.at(day))) AS members FROM g;
SELECT count(pg_temp.bind(ascii(name), ascii(sponsor), pg_temp.at(day))) AS bound FROM g WHERE sponsor IS NOT NULL;
-- 120 orders, 30 of them of members with a sponsor; and what is no order
INSERT INTO community.activity_type (program_id, type, weight, revenue) VALUES (community.current_program(), 'deposit', 1, false);
SELECT count(community.record(CASE WHEN i <= 30 THEN ascii('K') WHEN i <= 80 THEN ascii('A') ELSE ascii('L') END, 'order',
	'order ' || i, CASE WHEN i <= 30 THEN 200 ELSE 100 END, pg_temp.at(12))) AS orders FROM generate_series(1, 120) AS i;
SELECT count(community.record(ascii('K'), t, t || i, a, pg_temp.at(12))) AS others
FROM generate_series(1, 3) AS i, (VALUES ('deposit', 500), ('post', 0)) AS x (t, a);
-- an order that was taken back, and one in part
SELECT (community.record(ascii('K'), 'order', 'taken back', 900, pg_temp.at(12))).replay;
SELECT (community.reverse('taken back', 'returned')).amount;
SELECT (community.record(ascii('K'), 'order', 'one of the 120', 900, pg_temp.at(12))).replay;
SELECT (community.reverse('order 1', 'returned')).amount, (community.reverse('one of the 120', 'a part', 700)).amount;

SELECT metric, scope, round(value::numeric, 4) AS value, part, whole FROM community.referral_metrics(invitations => 30);
SELECT chr(f.sponsor_id::int) AS member, count(*) AS invitees FROM community.referral_as_of() AS f
WHERE f.sponsor_id IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1;
SELECT generation, members, round(ratio::numeric, 4) AS ratio FROM community.generations();
SELECT * FROM community.cohort_k(tstzrange(NULL, pg_temp.at(3)), '5 days', pg_temp.at(10));
SELECT * FROM community.cycle_time();
SELECT day - date '2024-01-01' AS day, joined, referred, invitees, case_r, round(instantaneous_r::numeric, 4) AS r_t
FROM community.reproduction_number();
-- projections
SELECT community.projected_members(10, 2, 7, 21) AS of_10, community.projected_members(100, 0.5, 7, 21) AS of_100,
	community.projected_members(100, 0.5, 7, 70000) AS limit_of_100, community.projected_members(10, 1, 7, 21) AS steady,
	community.projected_members(10, 0, 7, 21) AS none;
SELECT d, round(community.projected_members(100, 1.25, 7, d)::numeric, 2) AS members,
	round(community.days_to_members(community.projected_members(100, 1.25, 7, d), 100, 1.25, 7)::numeric, 9) AS days
FROM generate_series(0, 28, 7) AS d;

-- right-censoring: as of day 6, who joined after day 1 has not been seen for 5 days
SELECT d, k.* FROM generate_series(0, 14) AS d, community.cohort_k(within => '5 days', as_of => pg_temp.at(d)) AS k;
-- a window of its own for each join day, each seen for 2 days: from joining on, and before the end
SELECT d, k.* FROM generate_series(0, 10) AS d,
	community.cohort_k(tstzrange(pg_temp.at(d), pg_temp.at(d + 1)), '2 days', pg_temp.at(12)) AS k;
-- as of each day
SELECT d, max(value) FILTER (WHERE metric = 'members') AS n, max(value) FILTER (WHERE metric = 'roots') AS roots,
	round(max(value) FILTER (WHERE metric = 'k_realised')::numeric, 4) AS k, max(value) FILTER (WHERE metric = 'depth') AS depth,
	max(value) FILTER (WHERE metric = 'orders') AS orders
FROM generate_series(-1, 12, 1) AS d, community.referral_metrics(as_of => pg_temp.at(d)) GROUP BY d ORDER BY d;
-- windows
SELECT metric, round(value::numeric, 4) AS value, part, whole
FROM community.referral_metrics(tstzrange(pg_temp.at(2), pg_temp.at(5)), invitations => 10) WHERE scope = 'window';
SELECT generation, members, round(ratio::numeric, 4) AS ratio FROM community.generations(tstzrange(pg_temp.at(2), pg_temp.at(7)));
SELECT * FROM community.cycle_time(tstzrange(pg_temp.at(2), pg_temp.at(5)), percentiles => '{0,1}');
SELECT day, joined, round(instantaneous_r::numeric, 4) AS r_t FROM community.reproduction_number(tstzrange(pg_temp.at(2), pg_temp.at(4)));
-- other arguments
SELECT metric, round(value::numeric, 4) AS value FROM community.referral_metrics(top_fraction => 0.2, beyond_depth => 0)
WHERE metric IN ('top_inviter_share', 'share_beyond_depth') ORDER BY 1;
SELECT metric, value, part, whole FROM community.referral_metrics(invitations => 0) WHERE metric LIKE 'inv%' OR metric IN ('conversion', 'k_accounting');
-- without the argument, the codes and links issued in the window count, if there are any at all
SELECT metric, value, part, whole FROM community.referral_metrics() WHERE metric LIKE 'inv%' OR metric IN ('conversion', 'k_accounting');
SAVEPOINT invited;
INSERT INTO community.referral_code (program_id, code, member_id, issued_at)
SELECT community.current_program(), 'CODE' || d, 1, pg_temp.at(d) FROM generate_series(1, 4) AS d;
INSERT INTO community.referral_share (program_id, token, member_id, shared_at)
SELECT community.current_program(), repeat('x', 19) || d, 1, pg_temp.at(d) FROM generate_series(3, 5) AS d;
SELECT metric, value, part, whole FROM community.referral_metrics(tstzrange(pg_temp.at(2), pg_temp.at(5))) WHERE scope = 'window' AND (metric LIKE 'inv%' OR metric IN ('conversion', 'k_accounting'));
SELECT metric, value FROM community.referral_metrics(as_of => pg_temp.at(3)) WHERE metric = 'invitations';
ROLLBACK TO invited;

-- nothing in the window, or a window of nothing
CREATE FUNCTION pg_temp.all_of(during tstzrange, as_of timestamptz) RETURNS TABLE (what text, result text) LANGUAGE sql AS $$
	SELECT 'metrics', string_agg(m.metric || ' ' || coalesce(m.value::text, '-'), ', ') FROM community.referral_metrics(during, as_of) AS m
	UNION ALL SELECT 'cohort', x::text FROM community.cohort_k(during, as_of => as_of) AS x
	UNION ALL SELECT 'cycle', x::text FROM community.cycle_time(during, as_of) AS x
	UNION ALL SELECT 'generations', x::text FROM community.generations(during, as_of) AS x
	UNION ALL SELECT 'days', count(*)::text FROM community.reproduction_number(during, as_of) AS r
	UNION ALL SELECT 'orders', x::text FROM community.referred_orders(during, as_of) AS x
	UNION ALL SELECT 'forest', count(*)::text FROM community.referral_as_of(as_of) AS f
$$;
\pset format unaligned
SELECT * FROM pg_temp.all_of('[2100-01-01,2101-01-01)', 'infinity');
SELECT * FROM pg_temp.all_of('empty', pg_temp.at(12));
SELECT * FROM pg_temp.all_of(NULL, '-infinity');
\pset format aligned
-- refusals
SELECT pg_temp.refused(format('SELECT * FROM community.%I(as_of => NULL)', f)) FROM unnest('{referral_metrics,cohort_k,cycle_time,
	generations,reproduction_number,referred_orders,referral_as_of}'::text[]) AS f;
SELECT pg_temp.refused(format('SELECT * FROM community.%I(program => NULL)', f)) FROM unnest('{referral_metrics,cohort_k,cycle_time,
	generations,reproduction_number,referred_orders,referral_as_of}'::text[]) AS f;
SELECT pg_temp.refused(format('SELECT * FROM community.%I(program => -1)', f)) FROM unnest('{referral_metrics,cohort_k,cycle_time,
	generations,reproduction_number,referred_orders,referral_as_of}'::text[]) AS f;
SELECT pg_temp.refused($$SELECT community.referral_metrics(tstzrange('2024-02-01', '2024-01-01'))$$);
SELECT pg_temp.refused(format('SELECT community.referral_metrics(%s)', a)) FROM unnest(ARRAY['invitations => -1', 'beyond_depth => -1',
	'beyond_depth => NULL', 'top_fraction => 1.5', 'top_fraction => ''NaN''', 'top_fraction => NULL']) AS a;
SELECT pg_temp.refused(format('SELECT community.cohort_k(within => %s)', a)) FROM unnest(ARRAY['NULL', '''0''', '''-1 day''', '''2000 years''']) AS a;
SELECT pg_temp.refused(format('SELECT community.cycle_time(percentiles => %s)', a)) FROM unnest(ARRAY['NULL', '''{2}''']) AS a;
SELECT pg_temp.refused(format('SELECT community.projected_members(%s)', a)) FROM unnest(ARRAY['-1, 1, 1, 1', '1, -1, 1, 1', '1, 1, 0, 1',
	'1, 1, 1, -1', '''NaN'', 1, 1, 1', '1, ''Infinity'', 1, 1', '1e300, 2, 1, 100']) AS a;
SELECT pg_temp.refused(format('SELECT community.days_to_members(%s)', a)) FROM unnest(ARRAY['-1, 1, 1, 1', '1, 1, -1, 1', '1, 1, 1, 0']) AS a;
SELECT community.days_to_members(200, 100, 0.5, 7) AS limit_is_not_reached, community.days_to_members(199.9, 100, 0.5, 7) < 100 AS below_is,
	community.days_to_members(50, 100, 0.5, 7) AS there_already, community.days_to_members(10, 0, 2, 7) AS nobody,
	community.days_to_members(150, 100, 0, 7) AS never, community.days_to_members(300, 100, 1, 7) AS steady;
-- close to K = 1 no digits are lost
SELECT abs(community.projected_members(100, 1 + e, 1, 10) - 1100 - 100 * 55 * e) < 1e-9 AS exact
FROM unnest('{1e-15,1e-12,1e-9,-1e-12}'::float8[]) AS e;

-- moves: the forest is that of the time, and an order counts as of when it was made
SELECT pg_temp.move(ascii('K'), NULL, pg_temp.at(13)), pg_temp.move(ascii('K'), ascii('L'), pg_temp.at(15)),
	pg_temp.move(ascii('D'), ascii('B'), pg_temp.at(15));
SELECT d, string_agg(chr(f.member_id::int) || chr(f.sponsor_id::int), ' ' ORDER BY f.member_id) AS forest,
	string_agg(chr(f.enroller_id::int), '' ORDER BY f.member_id) AS enrollers
FROM (VALUES (8), (9), (12.999), (13), (14.999), (15), (16)) AS x (d), community.referral_as_of(pg_temp.at(d)) AS f GROUP BY d ORDER BY d;
SELECT (community.record(ascii('K'), 'order', 'order on ' || d, 100, pg_temp.at(d))).amount
FROM (VALUES (8), (12.999), (13), (14.999), (15), (16)) AS x (d);
SELECT d, o.* FROM (VALUES (8), (12.999), (13), (14.999), (15), (16)) AS x (d), community.referred_orders(
	tstzrange(pg_temp.at(d), pg_temp.at(d), '[]')) AS o ORDER BY d;
-- a binding that lapses, and one that began late
SELECT community.enroll(1, joined_at => pg_temp.at(0)), community.enroll(2, joined_at => pg_temp.at(0)), community.enroll(3, joined_at => pg_temp.at(30));
SELECT pg_temp.bind(1, 2, pg_temp.at(20), pg_temp.at(25));
SELECT (community.record(1, 'order', '1 on ' || d, 100, pg_temp.at(d))).amount FROM unnest('{19.9,20,24.9,25}'::numeric[]) AS d;
SELECT d, o.referred_orders FROM unnest('{19.9,20,24.9,25}'::numeric[]) AS d, community.referred_orders(
	tstzrange(pg_temp.at(d), pg_temp.at(d), '[]')) AS o ORDER BY d;
SELECT w, k.* FROM unnest('{20 days,20 days 1 second}'::interval[]) AS w,
	community.cohort_k(tstzrange(pg_temp.at(0), pg_temp.at(0), '[]'), w, pg_temp.at(40)) AS k;
-- under somebody who says it joined later: in the forest, but no cycle
SELECT pg_temp.bind(2, 3, pg_temp.at(21));
SELECT f.member_id, f.sponsor_id FROM community.referral_as_of(pg_temp.at(22)) AS f WHERE f.member_id <= 3 ORDER BY 1;
SELECT invitees, excluded FROM community.cycle_time(tstzrange(pg_temp.at(20), pg_temp.at(22)));
SELECT day, referred FROM community.reproduction_number(tstzrange(pg_temp.at(20), pg_temp.at(22), '[]'));
-- closed and merged members keep their place
SELECT community.close_member(ascii('G'), 'left'), community.merge_members(ascii('H'), ascii('C'), 'H is C');
SELECT generation, members FROM community.generations();
-- a ring, as a load with guards asleep may leave it, is told and not walked
SELECT pg_temp.bind(ascii('A'), ascii('I'), pg_temp.at(50));
SELECT pg_temp.move(ascii('D'), ascii('A'), pg_temp.at(51));
SELECT generation, members, round(ratio::numeric, 4) AS ratio FROM community.generations();
SELECT metric, value FROM community.referral_metrics() WHERE metric IN ('members', 'roots', 'depth', 'mean_depth') ORDER BY 1;

-- days are those of the program, through changes of daylight saving
SELECT community.create_program('referral_metrics zone', time_zone => 'America/New_York') > 0 AS created;
SET LOCAL community.program = 'referral_metrics zone';
SELECT community.enroll(1, joined_at => '2024-03-09 23:30-05'), community.enroll(2, joined_at => '2024-03-10 00:30-05'),
	community.enroll(3, joined_at => '2024-03-10 23:30-04'), community.enroll(4, joined_at => '2024-03-11 00:15-04');
SELECT pg_temp.bind(2, 1, '2024-03-10 00:30-05'), pg_temp.bind(3, 1, '2024-03-10 23:30-04'), pg_temp.bind(4, 1, '2024-03-11 00:15-04');
SELECT * FROM community.reproduction_number();
SELECT * FROM community.reproduction_number('[2024-03-11 00:00-04,)');
-- two days from 23:30 are 47 hours
SELECT * FROM community.cohort_k('[2024-03-09,2024-03-10 00:00-05)', '1 day', '2024-03-10 23:30-04');
SELECT * FROM community.cohort_k('[2024-03-09,2024-03-10 00:00-05)', '1 day', '2024-03-10 23:29-04');
SELECT * FROM community.cohort_k('[2024-03-09,2024-03-10 00:00-05)', '24 hours', '2024-03-11 00:30-04');

-- an empty program, one member, roots alone
SELECT community.create_program('referral_metrics empty') > 0 AS created;
SET LOCAL community.program = 'referral_metrics empty';
\pset format unaligned
SELECT * FROM pg_temp.all_of(NULL, pg_temp.at(12));
SELECT community.enroll(1, joined_at => pg_temp.at(0));
SELECT * FROM pg_temp.all_of(NULL, pg_temp.at(12));
SELECT community.enroll(2, joined_at => pg_temp.at(3));
SELECT * FROM pg_temp.all_of(NULL, pg_temp.at(32));
\pset format aligned
ROLLBACK;
