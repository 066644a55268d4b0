-- If this failed, a member's statement would not add up to the balance, or
-- would show points lapsing that were spent, or not show why they are gone.
SELECT community.create_program('statement test') > 0 AS created;
SET community.program = 'statement test';
SELECT count(community.enroll(g)) FROM generate_series(1, 30) g;
CREATE PROCEDURE wait_until(at timestamptz) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_sleep(extract(epoch FROM at - clock_timestamp()) + 0.01);
END $$;
-- a history that lies in the past: credits of 2020 that have lapsed by now
SELECT count(*) FROM (VALUES
	(community.accrue(1, 100, 'a1', occurred_at => '2020-01-10', expires_at => '2020-06-01')),
	(community.accrue(1, 50, 'a2', occurred_at => '2020-02-10', expires_at => '2021-01-01')),
	(community.accrue(1, 25, 'a3', occurred_at => '2020-06-01', expires_at => '2021-01-01')),
	(community.accrue(1, 10, 'a4', occurred_at => '2020-07-01', reason => 'never expires'))) v;
SELECT kind, points, balance, effective_at AT TIME ZONE 'UTC' AS effective_at, key, reason, entry_id IS NULL AS computed
FROM community.statement(1);
-- a part of it carries the opening balance
SELECT kind, points, balance FROM community.statement(1, during => '[2020-02-10, 2020-06-30)');
SELECT kind, points, balance FROM community.statement(1, during => '[2030-01-01,)');
SELECT count(*) FROM community.statement(1, during => 'empty');
-- as of another day there is nothing later
SELECT kind, points, balance FROM community.statement(1, as_of => '2020-06-01');
SELECT kind, points, balance FROM community.statement(1, as_of => '2020-05-31');
-- nobody, nothing
SELECT count(*) FROM community.statement(2);
SELECT count(*) FROM community.statement(99);
SELECT * FROM community.statement(1, 'gems');
SELECT * FROM community.statement(NULL);
SELECT * FROM community.statement(1, as_of => NULL);
-- held lots lapse when their hold ends, and not at all when it is captured
SELECT clock_timestamp() + interval '1500 milliseconds' AS soon \gset
SELECT points FROM community.accrue(3, 100, 'h', expires_at => :'soon');
SELECT kind FROM community.hold(3, 30, 'h1', expires_at => '2099-01-01');
SELECT kind FROM community.hold(3, 20, 'h2', expires_at => '2099-01-01');
SELECT kind FROM community.hold(3, 10, 'h3', expires_at => :'soon'::timestamptz + interval '20 milliseconds');
SELECT kind, points, balance FROM community.statement(3);
CALL wait_until(:'soon'::timestamptz + interval '20 milliseconds');
SELECT points FROM community.capture('h1', 25);
SELECT points FROM community.release('h2');
SELECT kind, points, balance, key FROM community.statement(3);
-- what comes back to lots that have lapsed lapses at once; what is reinstated does not
SELECT clock_timestamp() + interval '1500 milliseconds' AS soon \gset
SELECT points FROM community.accrue(4, 100, 'v', expires_at => :'soon');
SELECT points FROM community.redeem(4, 60, 'v1');
CALL wait_until(:'soon');
SELECT amount FROM community.reverse('v1', 'returned', source => 'ledger');
SELECT points FROM community.reinstate(4, 'v2', expires_at => '2099-01-01', points => 70);
SELECT kind, points, balance, key FROM community.statement(4);
SELECT available FROM community.balance(4);
-- within a transaction its own entries are there
BEGIN;
SELECT points FROM community.accrue(5, 7, 't');
SELECT kind, points, balance FROM community.statement(5);
ROLLBACK;

-- whatever happens, against sums over the lots of the entries, in plain SQL
SELECT setseed(0.5);
CREATE TABLE statement_random AS
SELECT n, 6 + floor(random() * 5)::bigint AS member, floor(random() * 8)::int AS what,
	1 + floor(random() * 40)::bigint AS points, '2019-01-01'::timestamptz + random() * interval '5 years' AS at,
	random() * interval '900 days' AS life
FROM generate_series(1, 300) AS n;
DO $$
DECLARE
	r record;
BEGIN
	FOR r IN SELECT * FROM statement_random ORDER BY n LOOP
		BEGIN
			CASE
				WHEN r.what < 4 THEN PERFORM community.accrue(r.member, r.points, 'q' || r.n, occurred_at => r.at,
					expires_at => r.at + r.life + interval '1 second');
				WHEN r.what = 4 THEN PERFORM community.accrue(r.member, r.points, 'q' || r.n);
				WHEN r.what = 5 THEN PERFORM community.redeem(r.member, r.points, 'q' || r.n);
				WHEN r.what = 6 THEN PERFORM community.reverse('q' || r.n / 2, 'random', source => 'ledger');
				ELSE PERFORM community.reinstate(r.member, 'q' || r.n, expires_at => '2095-01-01', points => r.points);
			END CASE;
		EXCEPTION WHEN SQLSTATE 'CM012' OR SQLSTATE 'CM005' OR SQLSTATE 'CM006' THEN NULL;
		END;
	END LOOP;
END $$;
SELECT count(*) > 100 AS happened, count(DISTINCT kind) AS kinds FROM community.entry
	WHERE program_id = community.current_program() AND member_id BETWEEN 6 AND 10;
-- every row: the balance is what the entries until then leave that has not expired
WITH told AS (
	SELECT m.member, s.*, lead(s.effective_at) OVER (PARTITION BY m.member ORDER BY s.place) IS DISTINCT FROM s.effective_at AS last_at
	FROM generate_series(6, 10) AS m (member),
		LATERAL (SELECT t.*, row_number() OVER () AS place FROM community.statement(m.member) AS t) AS s
), truth AS (
	SELECT t.member, t.balance, (SELECT coalesce(sum(l.points), 0)
		FROM community.entry AS e, community.lots(e.delta) AS l
		WHERE e.program_id = community.current_program() AND e.member_id = t.member
			AND e.effective_at <= t.effective_at AND l.expires_at > t.effective_at) AS should
	FROM told AS t WHERE t.last_at
)
SELECT count(*) > 100 AS looked, count(*) FILTER (WHERE balance <> should) AS wrong FROM truth;
-- the points of all rows add up to every balance there is
SELECT count(*) FILTER (WHERE s.total IS DISTINCT FROM b.available + b.pending + b.held - b.deficit) AS wrong, count(*) AS looked
FROM generate_series(1, 10) AS m (member),
	LATERAL community.balance(m.member) AS b,
	LATERAL (SELECT coalesce(sum(points), 0) AS total FROM community.statement(m.member)) AS s;
-- any part shows the very rows of the whole
SELECT count(*) AS differ FROM (
	(SELECT entry_id, effective_at, kind, points, balance FROM community.statement(7)
		WHERE effective_at >= '2020-03-01' AND effective_at < '2021-09-15')
	EXCEPT ALL
	SELECT entry_id, effective_at, kind, points, balance FROM community.statement(7, during => '[2020-03-01, 2021-09-15)')) AS d;
-- no row without a change, in order, entries all there
SELECT count(*) FILTER (WHERE kind = 'expire' AND (points = 0 OR entry_id IS NOT NULL)) AS empty,
	count(entry_id) = (SELECT count(*) FROM community.entry WHERE member_id = 7 AND program_id = community.current_program()) AS complete
FROM community.statement(7);
DROP TABLE statement_random;
DROP PROCEDURE wait_until;
