-- If this fails, votes and games are judged by another measure than the one
-- that is named: bounds of proportions and of stars, Bayesian means, Elo and
-- Glicko-2 are off, or take input that makes no sense.
SET search_path = public, community;

--
-- Golden values
--
CREATE TEMP TABLE golden (what text, value float8, expected float8, tolerance float8);
INSERT INTO golden
SELECT format('wilson %s/%s', s, n), wilson_lower_bound(s, n), e, 1e-10
FROM (VALUES (1, 1, .2065493144), (2, 2, .3423802275), (100, 101, .9460328420), (600, 1000, .5693094295),
	(5500, 10000, .5402319558), (10, 10, .7224672001), (0, 7, 0)) AS v (s, n, e);
INSERT INTO golden
SELECT format('reddit %s/%s', s, n), wilson_lower_bound(s, n, 1.281551565545), e, 1e-10
FROM (VALUES (1, 1, .3784475032), (100, 101, .9674801511)) AS v (s, n, e);
INSERT INTO golden
SELECT format('newcombe %s/%s', s, n), u.value, u.expected, 5e-5
FROM (VALUES (81, 263, .2553, .3662), (15, 148, .0624, .1605), (0, 20, 0, .1611), (1, 29, .0061, .1718)) AS v (s, n, a, b),
	LATERAL (VALUES (wilson_lower_bound(s, n), a), (wilson_upper_bound(s, n), b)) AS u (value, expected);
INSERT INTO golden VALUES
	('bayesian 25000', bayesian_mean(25000, 9, 25000, 7.0), 8, 0),
	('bayesian 2500', bayesian_mean(2500, 9.9, 25000, 7.0), 7.2636363636, 1e-10),
	('bayesian 0', bayesian_mean(0, NULL, 25000, 7.0), 7, 0),
	('stars none', star_lower_bound('{0,0,0,0,0}'), 1.8684142659, 1e-10),
	('stars one', star_lower_bound('{0,0,0,0,1}'), 2.2290187329, 1e-10),
	('stars ten', star_lower_bound('{0,0,0,0,10}'), 3.7222071900, 1e-10),
	('stars hundred', star_lower_bound('{2,0,0,8,90}'), 4.6042659805, 1e-10),
	('elo five', elo(1613, ARRAY[1609, 1477, 1388, 1586, 1720], 2.5), 1601.2698768628, 1e-10);
INSERT INTO golden
SELECT 'elo expected ' || o, elo_expected(1613, o), e, 5e-7
FROM (VALUES (1609, .505756), (1477, .686300), (1388, .785027), (1586, .538778), (1720, .350705)) AS v (o, e);
INSERT INTO golden
SELECT 'glicko2 ' || u.what, u.value, u.expected, 1e-9
FROM glicko2(1500, 200, 0.06, '{1400,1550,1700}', '{30,100,300}', '{1,0,0}') AS g,
	LATERAL (VALUES ('rating', g.rating, 1464.0506705390892), ('deviation', g.deviation, 151.5165241239),
		('volatility', g.volatility, .0599959843)) AS u (what, value, expected);
INSERT INTO golden
SELECT 'glicko2 without games', deviation, 200.2714166988, 1e-10
FROM glicko2(1500, 200, 0.06, '{}', '{}', '{}') WHERE rating = 1500 AND volatility = 0.06;
SELECT count(*), count(*) FILTER (WHERE abs(value - expected) <= tolerance) AS good FROM golden;
SELECT * FROM golden WHERE abs(value - expected) <= tolerance IS NOT TRUE;

--
-- Against the definitions, over a grid
--
-- Wilson: both bounds solve (p - s/n)^2 = z^2 p (1 - p) / n, the share is
-- between them, and failures are successes seen from the other side
CREATE TEMP TABLE trial AS
SELECT s::float8 AS s, n::float8 AS n, z FROM unnest('{1,2,3,7,20,100,12345}'::int[]) AS n,
	LATERAL (SELECT DISTINCT (n * i / 7)::int AS s FROM generate_series(0, 7) AS i) AS s,
	unnest('{0.1,1,1.2815515655,1.96,3,10}'::float8[]) AS z;
SELECT count(*) > 100 AS many,
	bool_and(abs(n * (l - s / n) ^ 2 - z * z * l * (1 - l)) < 1e-9 * (1 + z * z)) AS lower,
	bool_and(abs(n * (u - s / n) ^ 2 - z * z * u * (1 - u)) < 1e-9 * (1 + z * z)) AS upper,
	bool_and(0 <= l AND l <= s / n AND s / n <= u AND u <= 1) AS ordered,
	bool_and(abs(1 - wilson_upper_bound(n - s, n, z) - l) < 1e-14) AS mirrored,
	bool_and(s > 0 OR l = 0) AS exactly_zero, bool_and(s < n OR u = 1) AS exactly_one
FROM trial, LATERAL (SELECT wilson_lower_bound(s, n, z) AS l, wilson_upper_bound(s, n, z) AS u) AS b;
-- more of the same evidence says more; so do more successes
SELECT bool_and(wilson_lower_bound(2 * s, 2 * n, z) > wilson_lower_bound(s, n, z) OR s = 0) AS more_votes,
	bool_and(wilson_lower_bound(s + 1, n + 1, z) > wilson_lower_bound(s, n, z)) AS one_up,
	bool_and(wilson_lower_bound(s, n + 1, z) < wilson_lower_bound(s, n, z) OR s = 0) AS one_down FROM trial;
-- counts may be effective numbers of weighted votes, and of any size
SELECT wilson_lower_bound(0.5, 0.75) BETWEEN 0 AND 0.5 / 0.75 AS weighted,
	abs(wilson_lower_bound(6e14, 1e15) - 0.6) < 1e-6 AS large, wilson_lower_bound(1e308, 1e308) AS huge,
	wilson_upper_bound(0, 1e308) < 1e-300 AS none_of_huge;
SELECT wilson_lower_bound(0, 0) AS lower, wilson_upper_bound(0, 0) AS upper, wilson_lower_bound(NULL, 3) AS no_number;

-- Bayesian mean: the definition; between the two; no overflow
SELECT bool_and(abs(bayesian_mean(v, r, m, c) - (v * r + m * c) / (v + m)) < 1e-12) AS definition,
	bool_and(bayesian_mean(v, r, m, c) BETWEEN least(r, c) AND greatest(r, c)) AS between
FROM unnest('{1,2,10,999}'::float8[]) AS v, unnest('{0,5,30}'::float8[]) AS m,
	unnest('{-1,0,3.3,5}'::float8[]) AS r, unnest('{-2,0,3.7}'::float8[]) AS c;
SELECT bayesian_mean(1.7e308, 1, 1.7e308, 3) AS huge, bayesian_mean(0, 4, 0, 3) AS nobody, bayesian_mean(3, 4, 0, 0) AS no_prior,
	bayesian_mean(3, NULL, 5, 3) AS unknown, bayesian_mean(NULL, 4, 5, 3) AS no_number, bayesian_mean(0, 'NaN', 5, 3) AS no_votes;

-- stars: the definition with sums of squares
SELECT count(*), bool_and(abs(star_lower_bound(c, z, s) - (m - z * sqrt((q - m * m) / (n + k + 1)))) < 1e-12) AS definition
FROM (VALUES ('{0,0}'::bigint[], '{0,1}'::float8[]), ('{5,1}', '{0,1}'), ('{3,0,4}', '{1,2,3}'), ('{3,0,4}', '{-1,0,7.5}'),
		('{1,1,1,1,1,1,1,1,1,100}', '{1,2,3,4,5,6,7,8,9,10}')) AS v (c, s), unnest('{0.5,1.65,3}'::float8[]) AS z,
	LATERAL (SELECT sum(x) AS n, count(*) AS k FROM unnest(c) AS x) AS t,
	LATERAL (SELECT sum(y * (x + 1)) / (n + k) AS m, sum(y * y * (x + 1)) / (n + k) AS q FROM unnest(c, s) AS u (x, y)) AS f;
SELECT star_lower_bound('{7}') AS one_level, star_lower_bound('{9223372036854775807,9223372036854775807}') AS many,
	star_lower_bound('{1,2,3}') = star_lower_bound('{1,2,3}', scores => '{1,2,3}') AS same,
	star_lower_bound(NULL) AS no_counts, star_lower_bound('{1,2}', NULL) AS no_z;

-- Elo: what one wins the other loses; the sum of games; extremes
SELECT bool_and(abs(elo(a, b, s) + elo(b, a, 1 - s) - a - b) < 1e-9) AS zero_sum,
	bool_and(abs(elo_expected(a, b) + elo_expected(b, a) - 1) < 1e-15) AS complement,
	bool_and(elo(a, b, s, 10) = elo(a, ARRAY[b], s, 10)) AS one_of_several
FROM unnest('{800,1500,1501,2900}'::float8[]) AS a, unnest('{1000,1500,2400}'::float8[]) AS b, unnest('{0,0.5,1}'::float8[]) AS s;
SELECT elo(1500, 1500, 1) AS even, elo(1500, '{}'::float8[], 0) AS no_game, elo(1500, 1400, 1, 0) AS no_weight,
	elo_expected(-1e308, 1e308) AS hopeless, elo_expected(1e308, -1e308) AS certain, elo(1500, NULL::float8, 1) AS no_opponent;

--
-- Glicko-2: a whole rating period at once
--
CREATE TEMP TABLE player (id int PRIMARY KEY, rating float8, deviation float8, volatility float8);
CREATE TEMP TABLE game (white int, black int, score float8);
SELECT setseed(0.5);
INSERT INTO player SELECT i, 1500 + 100 * ((i * 37) % 19 - 9), 30 + (i * 53) % 320, 0.03 + (i % 7) / 50.0
FROM generate_series(1, 60) AS i;
INSERT INTO game SELECT i, j, round(random() * 2) / 2
FROM generate_series(1, 55) AS i, generate_series(1, 55) AS j WHERE i <> j AND (i * 7 + j * 11) % 5 = 0;
CREATE TEMP VIEW seat AS
SELECT white AS id, black AS opponent, score FROM game UNION ALL SELECT black, white, 1 - score FROM game;
CREATE TEMP TABLE after AS
SELECT p.id, count(o.id) AS games, (glicko2_period(p.rating, p.deviation, p.volatility, o.rating, o.deviation, s.score)).*
FROM player AS p LEFT JOIN seat AS s USING (id) LEFT JOIN player AS o ON o.id = s.opponent GROUP BY p.id;
SELECT count(*), count(*) FILTER (WHERE games = 0) AS idle,
	bool_and(a.rating = p.rating AND a.volatility = p.volatility AND a.deviation > p.deviation) FILTER (WHERE games = 0) AS idle_widen
FROM after AS a JOIN player AS p USING (id);
-- as by the function, in any order of games
SELECT count(*), count(*) FILTER (WHERE abs(a.rating - g.rating) < 1e-9 AND abs(a.deviation - g.deviation) < 1e-9
	AND abs(a.volatility - g.volatility) < 1e-12) AS same
FROM after AS a JOIN (SELECT p.id, g.* FROM player AS p,
	LATERAL (SELECT array_agg(o.rating ORDER BY o.id DESC) AS r, array_agg(o.deviation ORDER BY o.id DESC) AS d,
		array_agg(s.score ORDER BY o.id DESC) AS c
		FROM seat AS s JOIN player AS o ON o.id = s.opponent WHERE s.id = p.id) AS x,
	LATERAL glicko2(p.rating, p.deviation, p.volatility, coalesce(r, '{}'), coalesce(d, '{}'), coalesce(c, '{}')) AS g) AS g USING (id);
-- Glickman's steps 2 to 8 in SQL, the volatility by halving an interval that holds its zero
CREATE FUNCTION pg_temp.slope(x float8, d2 float8, p2 float8, v float8, a float8, tau float8) RETURNS float8 LANGUAGE sql AS
$$ SELECT exp(x) * (d2 - p2 - v - exp(x)) / (2 * (p2 + v + exp(x)) ^ 2) - (x - a) / tau ^ 2 $$;
CREATE FUNCTION pg_temp.by_hand(me player, ratings float8[], deviations float8[], scores float8[], tau float8,
	OUT rating float8, OUT deviation float8, OUT volatility float8) LANGUAGE plpgsql AS $$
DECLARE
	mu float8 := (me.rating - 1500) / 173.7178; phi float8 := me.deviation / 173.7178;
	a float8 := ln(me.volatility ^ 2); v float8; delta float8; lo float8; hi float8; mid float8;
BEGIN
	SELECT 1 / sum(g * g * e * (1 - e)), sum(g * (s - e)) INTO v, delta
	FROM unnest(ratings, deviations, scores) AS o (r, d, s),
		LATERAL (SELECT 1 / sqrt(1 + 3 * (d / 173.7178) ^ 2 / pi() ^ 2) AS g) AS g,
		LATERAL (SELECT 1 / (1 + exp(-g * (mu - (r - 1500) / 173.7178))) AS e) AS e;
	delta := v * delta;
	lo := a - 1; hi := a + 1;
	WHILE pg_temp.slope(lo, delta ^ 2, phi ^ 2, v, a, tau) < 0 LOOP lo := lo - 1; END LOOP;
	WHILE pg_temp.slope(hi, delta ^ 2, phi ^ 2, v, a, tau) > 0 LOOP hi := hi + 1; END LOOP;
	FOR i IN 1 .. 80 LOOP
		mid := (lo + hi) / 2;
		IF pg_temp.slope(mid, delta ^ 2, phi ^ 2, v, a, tau) > 0 THEN lo := mid; ELSE hi := mid; END IF;
	END LOOP;
	volatility := exp(mid / 2);
	phi := 1 / sqrt(1 / (phi ^ 2 + volatility ^ 2) + 1 / v);
	rating := 1500 + 173.7178 * (mu + phi ^ 2 * delta / v);
	deviation := 173.7178 * phi;
END $$;
SELECT tau, count(*), count(*) FILTER (WHERE abs(g.rating - h.rating) < 1e-8 AND abs(g.deviation - h.deviation) < 1e-8
	AND abs(g.volatility - h.volatility) < 1e-11) AS same
FROM unnest('{0.2,0.5,1.2}'::float8[]) AS tau, player AS p,
	LATERAL (SELECT array_agg(o.rating) AS r, array_agg(o.deviation) AS d, array_agg(s.score) AS c
		FROM seat AS s JOIN player AS o ON o.id = s.opponent WHERE s.id = p.id) AS x,
	LATERAL glicko2(p.rating, p.deviation, p.volatility, r, d, c, tau) AS g,
	LATERAL pg_temp.by_hand(p, r, d, c, tau) AS h
WHERE r IS NOT NULL GROUP BY tau ORDER BY tau;
-- tau in the aggregate
SELECT (g).rating = (h).rating AS default_tau, (g).volatility <> (i).volatility AS other_tau
FROM (SELECT glicko2_period(1500, 200, 0.06, r, d, s) AS g, glicko2_period(1500, 200, 0.06, r, d, s, 0.5) AS h,
		glicko2_period(1500, 200, 0.06, r, d, s, 1.2) AS i
	FROM unnest('{1400,1550,1700}'::float8[], '{30,100,300}'::float8[], '{1,0,0}'::float8[]) AS v (r, d, s)) AS x;
SELECT glicko2_period(1500, 200, 0.06, 1, 1, 1) AS nobody WHERE false;
SELECT glicko2(NULL, 200, 0.06, '{}', '{}', '{}') AS no_player;
-- a game that nobody would have expected has a result still
SELECT rating > 1500 AS up, deviation BETWEEN 0 AND 400 AS known FROM glicko2(1500, 30, 0.06, '{4500}', '{30}', '{1}');

--
-- Workers
--
CREATE TABLE esteem_sample AS SELECT p.id, p.rating, p.deviation, p.volatility, o.rating AS r, o.deviation AS d, s.score
FROM player AS p JOIN seat AS s USING (id) JOIN player AS o ON o.id = s.opponent;
ANALYZE esteem_sample;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2; SET parallel_leader_participation = off;
CREATE FUNCTION pg_temp.is_parallel(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line ~ 'Partial (Hash|Group)?Aggregate' THEN RETURN true; END IF;
	END LOOP;
	RETURN false;
END $$;
SELECT pg_temp.is_parallel('SELECT id, glicko2_period(rating, deviation, volatility, r, d, score) FROM esteem_sample GROUP BY id') AS parallel;
SELECT count(*), count(*) FILTER (WHERE abs((g).rating - a.rating) < 1e-9 AND abs((g).volatility - a.volatility) < 1e-12) AS same
FROM after AS a JOIN (SELECT id, glicko2_period(rating, deviation, volatility, r, d, score) AS g
	FROM esteem_sample GROUP BY id) AS x USING (id);
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather; RESET parallel_leader_participation;
DROP TABLE esteem_sample;

--
-- Refusals
--
SELECT wilson_lower_bound(3, 2);
SELECT wilson_lower_bound(-1, 2);
SELECT wilson_upper_bound(1, 'Infinity');
SELECT wilson_lower_bound('NaN', 2);
SELECT wilson_lower_bound(1, 2, 0);
SELECT wilson_upper_bound(1, 2, 1001);
SELECT wilson_lower_bound(1, 2, 'NaN');
SELECT bayesian_mean(-1, 2, 3, 4);
SELECT bayesian_mean(1, 'Infinity', 3, 4);
SELECT bayesian_mean(1, 2, 'NaN', 4);
SELECT bayesian_mean(1, 2, 3, '-Infinity');
SELECT star_lower_bound('{}');
SELECT star_lower_bound('{1,-2}');
SELECT star_lower_bound('{1,NULL}');
SELECT star_lower_bound('{{1,2},{3,4}}');
SELECT star_lower_bound(array_fill(1::bigint, '{1001}'));
SELECT star_lower_bound('{1,2}', 1.96, '{1}');
SELECT star_lower_bound('{1,2}', 1.96, '{1,NaN}');
SELECT star_lower_bound('{1,2}', 1.96, '{-1e308,1e308}');
SELECT star_lower_bound('{1,2}', -1);
SELECT elo_expected('NaN', 1500);
SELECT elo(1500, 1500, 2);
SELECT elo(1500, 1500, -0.5);
SELECT elo(1500, ARRAY[1400, 1600], 2.5);
SELECT elo(1500, '{1400,NULL}'::float8[], 1);
SELECT elo(1500, '{1400,Infinity}'::float8[], 1);
SELECT elo(1500, 1500, 1, -32);
SELECT elo(1.7e308, 1500, 0, 'Infinity');
SELECT elo(1.7e308, 1.7e308, 1, 1.7e308);
SELECT glicko2(1500, 0, 0.06, '{}', '{}', '{}');
SELECT glicko2(1500, 200, -0.06, '{}', '{}', '{}');
SELECT glicko2('NaN', 200, 0.06, '{}', '{}', '{}');
SELECT glicko2(1500, 200, 0.06, '{}', '{}', '{}', 0);
SELECT glicko2(1500, 200, 0.06, '{1400}', '{30,40}', '{1}');
SELECT glicko2(1500, 200, 0.06, '{1400}', '{30}', '{}');
SELECT glicko2(1500, 200, 0.06, '{1400}', '{30}', '{2}');
SELECT glicko2(1500, 200, 0.06, '{1400}', '{-30}', '{1}');
SELECT glicko2(1500, 200, 0.06, '{Infinity}', '{30}', '{1}');
SELECT glicko2(1500, 200, 0.06, '{NULL}', '{30}', '{1}');
SELECT glicko2(1500, 200, 0.06, '{{1400}}', '{30}', '{1}');
SELECT glicko2(0, 30, 0.06, '{100000}', '{0}', '{1}');
SELECT glicko2_period(r, 200, 0.06, 1400, 30, 1) FROM unnest('{1500,1501}'::float8[]) AS r;
SELECT glicko2_period(1500, NULL, 0.06, 1400, 30, 1);
SELECT glicko2_period(1500, 200, 0.06, 1400, 30, NULL);
SELECT glicko2_period(1500, 200, 0.06, 1400, 30, 1, NULL);
SELECT glicko2_accum(NULL, 1500, 200, 0.06, 1400, 30, 1);
SELECT glicko2_final('{1}');
