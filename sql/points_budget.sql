-- If this failed, a program would give away more than its budget, or less
-- although there is some left; or a limit could not be changed in mid-period.
\set VERBOSITY default
SELECT community.create_program('budget test', 'America/New_York') AS p \gset
SET community.program = 'budget test';
SET timezone = 'America/New_York';
CREATE FUNCTION pg_temp.refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
	RETURN sqlstate || ' ' || regexp_replace(sqlerrm, 'budget \d+', 'budget N', 'g');
END $$;
INSERT INTO community.budget (program_id, name, points) VALUES (:p, 'launch', 100) RETURNING budget_id AS b \gset
SELECT name, currency, period_start, points, spent, remaining FROM community.budget_status WHERE program_id = :p;
-- the limit is spread over the shards, exactly
SELECT community.claim_budget(:b, 1);
SELECT count(*), min(available + spent), max(available + spent), sum(available + spent) FROM community.budget_shard WHERE budget_id = :b;
-- more than a shard holds, and more than there is
SELECT community.claim_budget(:b, 59);
SELECT period_start, points, spent, remaining FROM community.budget_status WHERE budget_id = :b;
SELECT community.claim_budget(:b, 9223372036854775807);
SELECT community.claim_budget(:b, 1);
SELECT period_start, points, spent, remaining FROM community.budget_status WHERE budget_id = :b;
-- what is returned can be spent again, but no more than was spent returns
SELECT community.return_budget(:b, 70);
SELECT spent, remaining FROM community.budget_status WHERE budget_id = :b;
SELECT pg_temp.refused(format('SELECT community.return_budget(%s, 31)', :b));
SELECT spent, remaining FROM community.budget_status WHERE budget_id = :b;
SELECT community.claim_budget(:b, 71);
SELECT community.return_budget(:b, 100);
SELECT spent, remaining FROM community.budget_status WHERE budget_id = :b;
-- a claim that is rolled back was none, whichever way it went
BEGIN;
SAVEPOINT s;
SELECT community.claim_budget(:b, 2);
ROLLBACK TO s;
SAVEPOINT s;
SELECT community.claim_budget(:b, 99);
ROLLBACK TO s;
SELECT community.claim_budget(:b, 200);
ROLLBACK;
SELECT spent, remaining FROM community.budget_status WHERE budget_id = :b;
-- also where the period was opened in what is rolled back
INSERT INTO community.budget (program_id, name, points, shards) VALUES (:p, 'one row', 10, 1) RETURNING budget_id AS one \gset
BEGIN;
SELECT community.claim_budget(:one, 3);
ROLLBACK;
SELECT period_start, spent, remaining FROM community.budget_status WHERE budget_id = :one;
SELECT pg_temp.refused(format('SELECT community.return_budget(%s, 1)', :one));
SELECT community.claim_budget(:one, 3), community.claim_budget(:one, 8);
-- fewer points than shards, and none
INSERT INTO community.budget (program_id, name, points, shards) VALUES (:p, 'few', 3, 1024), (:p, 'none', 0, 2);
SELECT name, community.claim_budget(budget_id, 2), community.claim_budget(budget_id, 2), community.claim_budget(budget_id, 2)
FROM community.budget WHERE name IN ('few', 'none') ORDER BY name;
-- the largest limit there is
INSERT INTO community.budget (program_id, name, points) VALUES (:p, 'huge', 9223372036854775807) RETURNING budget_id AS huge \gset
SELECT community.claim_budget(:huge, 9223372036854775807), community.claim_budget(:huge, 1);
SELECT community.return_budget(:huge, 9223372036854775807);

-- periods are cut in the program's time zone, through both changes of the clock
INSERT INTO community.budget (program_id, name, points, period) VALUES (:p, 'daily', 10, 'calendar day') RETURNING budget_id AS d \gset
SELECT at, community.claim_budget(:d, 6, at)
FROM unnest('{2024-03-10 00:00-05,2024-03-10 23:59:59.999999-04,2024-03-11 00:00-04,2024-11-03 00:00-04,2024-11-03 23:59:59.999999-05,2024-02-29 12:00-05}'::timestamptz[]) AS at;
SELECT period_start, spent, remaining FROM community.budget_status WHERE budget_id = :d ORDER BY 1;
-- outside of its range a budget gives nothing
UPDATE community.budget SET valid = '[2024-03-10 12:00-04,2024-03-12 00:00-04)' WHERE budget_id = :d;
SELECT at, community.claim_budget(:d, 1, at)
FROM unnest('{2024-03-10 11:59:59.999999-04,2024-03-11 12:00-04,2024-03-11 23:59:59.999999-04,2024-03-12 00:00-04}'::timestamptz[]) AS at;
UPDATE community.budget SET valid = 'empty' WHERE budget_id = :d;
SELECT community.claim_budget(:d, 1, '2024-03-11 12:00-04');
UPDATE community.budget SET valid = '(,2024-03-11 12:00-04]' WHERE budget_id = :d;
SELECT community.claim_budget(:d, 1, '2024-03-11 12:00-04'), community.claim_budget(:d, 1, '2024-03-11 12:00:00.000001-04');
-- but what was given can be returned
SELECT community.return_budget(:d, 6, '2024-11-03 12:00-05');
SELECT spent FROM community.budget_status WHERE budget_id = :d AND period_start = '2024-11-03 00:00-04';

-- another limit
UPDATE community.budget SET valid = '(,)' WHERE budget_id = :d;
SELECT community.change_budget(:d, 25, '2024-03-11 12:00-04');
SELECT period_start, points, spent, remaining FROM community.budget_status WHERE budget_id = :d ORDER BY 1;
SELECT community.claim_budget(:d, 30, '2024-03-11 12:00-04'), community.claim_budget(:d, 30, '2025-01-01 12:00-05');
SELECT pg_temp.refused(format('SELECT community.change_budget(%s, 24, %L)', :d, '2024-03-11 12:00-04'));
SELECT community.return_budget(:d, 20, '2024-03-11 12:00-04'), community.return_budget(:d, 20, '2025-01-01 12:00-05');
SELECT community.change_budget(:d, 5, '2024-03-11 12:00-04');
SELECT period_start, points, spent, remaining FROM community.budget_status WHERE budget_id = :d ORDER BY 1;
SELECT community.claim_budget(:d, 1, '2024-03-11 12:00-04');
-- other shards are for periods that are opened later; those that are open stay exact
UPDATE community.budget SET shards = 3 WHERE budget_id = :d;
SELECT community.claim_budget(:d, 2, '2024-11-03 12:00-05'), community.claim_budget(:d, 2, '2026-01-01 12:00-05');
SELECT period_start, count(*) AS shards, sum(available + spent) AS points, sum(spent) AS spent FROM community.budget_shard WHERE budget_id = :d GROUP BY 1 ORDER BY 1;

-- as many claims as there are: never above, and all of it
DO $$
DECLARE
	b bigint;
	granted bigint;
	wanted bigint;
	total bigint := 0;
	n int := 0;
BEGIN
	INSERT INTO community.budget (program_id, name, points, shards)
	VALUES (community.current_program(), 'random', 100003, 7) RETURNING budget_id INTO b;
	LOOP
		n := n + 1;
		wanted := 1 + (n * 7919) % 1009;
		granted := community.claim_budget(b, wanted);
		total := total + granted;
		IF granted < wanted AND total <> 100003 THEN
			RAISE EXCEPTION '% of % granted, although % of 100003 are spent', granted, wanted, total;
		END IF;
		IF n % 3 = 0 AND granted > 5 THEN
			PERFORM community.return_budget(b, granted - 5);
			total := total - granted + 5;
		END IF;
		EXIT WHEN granted = 0 OR n > 2000;
	END LOOP;
	RAISE NOTICE 'spent % in % claims', total, n;
END $$;
SELECT points, spent, remaining FROM community.budget_status WHERE name = 'random';

-- refused
SELECT pg_temp.refused('SELECT community.claim_budget(4711, 1)');
SELECT pg_temp.refused('SELECT community.return_budget(4711, 1)');
SELECT pg_temp.refused('SELECT community.change_budget(4711, 1)');
SELECT pg_temp.refused(format('SELECT community.claim_budget(%s, 0)', :b));
SELECT pg_temp.refused(format('SELECT community.return_budget(%s, -1)', :b));
SELECT pg_temp.refused(format('SELECT community.change_budget(%s, -1)', :b));
SELECT pg_temp.refused(format('SELECT community.claim_budget(%s, 1, %L)', :d, 'infinity'));
SELECT pg_temp.refused(format('INSERT INTO community.budget (program_id, name, points, period) VALUES (%s, %L, 1, %L)', :p, 'x', period))
FROM unnest('{rolling 30 days,anniversary year}'::text[]) AS period;
SELECT pg_temp.refused(format('INSERT INTO community.budget (program_id, name, points, shards) VALUES (%s, %L, %s, %s)', :p, name, points, shards))
FROM (VALUES ('x', -1, 1), ('x', 1, 0), ('x', 1, 1025), ('', 1, 1), ('launch', 1, 1)) AS v (name, points, shards);
