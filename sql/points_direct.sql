-- If this failed, the ledger would give other results without SQL than with it,
-- or miss what an owner has added to its tables.
CREATE FUNCTION direct_attempt(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE 'SELECT ' || call INTO result;
	RETURN result;
EXCEPTION WHEN others THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
-- the same story in each program: what came of each call, and the books
CREATE TABLE direct_story (step integer, call text, programs text[], results text[]);
CREATE FUNCTION direct_tell(name text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	mine bigint := community.create_program(name);
	calls text[] := ARRAY[
		$c$ (community.accrue(1, 100, 'a1')).points $c$,
		$c$ (community.accrue(1, 100, 'a1')).replay $c$,
		$c$ (community.accrue(1, 101, 'a1')).replay $c$,
		$c$ (community.accrue(1, 50, 'a2', available_at => '2999-01-01')).delta $c$,
		$c$ (community.accrue(1, 5, 'a3', expires_at => '2001-01-01')).points $c$,
		$c$ (community.accrue(9, 5, 'a4')).points $c$,
		$c$ (community.accrue(1, 5, 'a5', currency => 'none')).points $c$,
		$c$ (community.redeem(1, 30, 'r1', reason => 'gift')).delta $c$,
		$c$ (community.redeem(1, 30, 'r1')).replay $c$,
		$c$ (community.redeem(1, 31, 'r1')).replay $c$,
		$c$ (community.redeem(1, 71, 'r2')).points $c$,
		$c$ (community.redeem(2, 1, 'r3')).points $c$,
		$c$ (community.redeem(9, 1, 'r4')).points $c$,
		$c$ community.balance(1) $c$,
		$c$ community.balance(2) $c$,
		$c$ community.balance(9) $c$,
		$c$ (community.hold(1, 20, 'h1', expires_at => '2999-01-01')).points $c$,
		$c$ community.balance(1) $c$,
		$c$ (community.redeem(1, 51, 'r5')).points $c$,
		$c$ (community.redeem(1, 10, 'r6')).points $c$,
		$c$ (community.capture('h1', 5)).points $c$,
		$c$ community.balance(1) $c$,
		$c$ (community.transfer(1, 2, 15, 't1')).points $c$,
		$c$ (community.redeem(2, 15, 'r7')).points $c$,
		$c$ (community.redeem(1, 60, 'd1', currency => 'debt')).delta $c$,
		$c$ (community.accrue(1, 25, 'd2', currency => 'debt')).delta $c$,
		$c$ community.balance(1, 'debt') $c$,
		$c$ (community.accrue(1, 50, 'd3', currency => 'debt')).delta $c$,
		$c$ community.balance(1, 'debt') $c$,
		$c$ (community.accrue(3, 7, 'c1')).points $c$,
		$c$ community.close_member(3, 'left') $c$,
		$c$ (community.accrue(3, 7, 'c1')).replay $c$,
		$c$ (community.accrue(3, 7, 'c2')).points $c$,
		$c$ (community.redeem(3, 7, 'c3')).points $c$,
		$c$ community.balance(3) $c$,
		$c$ count(community.accrue(2, 1, 'many ' || g)) FROM generate_series(1, 100) AS g $c$,
		$c$ (community.redeem(2, 40, 'm1')).points $c$,
		$c$ community.balance(2) $c$,
		$c$ count(community.redeem(2, 1, 'few ' || g)) FROM generate_series(1, 50) AS g $c$,
		$c$ community.balance(2) $c$];
	i integer;
BEGIN
	PERFORM set_config('community.program', name, false);
	PERFORM community.enroll(g) FROM generate_series(1, 3) AS g;
	INSERT INTO community.currency (program_id, code, overdraft) VALUES (mine, 'debt', 100);
	FOR i IN 1 .. cardinality(calls) LOOP
		INSERT INTO direct_story VALUES (i, btrim(calls[i]), ARRAY[name],
			ARRAY[regexp_replace(replace(direct_attempt(calls[i]), name, 'NAME'),
				'earned at .* cannot', 'earned at TIME cannot')]);
	END LOOP;
END $$;
SELECT direct_tell('direct');
-- a policy that is forced, but not even enabled, is for SQL to look after
ALTER TABLE community.entry FORCE ROW LEVEL SECURITY;
ALTER TABLE community.account_fold FORCE ROW LEVEL SECURITY;
ALTER TABLE community.member FORCE ROW LEVEL SECURITY;
SELECT direct_tell('by SQL');
ALTER TABLE community.entry NO FORCE ROW LEVEL SECURITY;
ALTER TABLE community.account_fold NO FORCE ROW LEVEL SECURITY;
ALTER TABLE community.member NO FORCE ROW LEVEL SECURITY;
-- triggers of the owner's see every row, once
CREATE TABLE direct_seen (relation name, operation text, key text);
CREATE FUNCTION direct_note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO public.direct_seen VALUES (TG_TABLE_NAME, TG_OP,
		CASE WHEN TG_TABLE_NAME = 'entry' THEN to_jsonb(NEW) ->> 'key' END);
	RETURN NEW;
END $$;
CREATE TRIGGER direct_note BEFORE INSERT ON community.entry
	FOR EACH ROW EXECUTE FUNCTION direct_note();
CREATE TRIGGER direct_note BEFORE INSERT OR UPDATE ON community.account_fold
	FOR EACH ROW EXECUTE FUNCTION direct_note();
SELECT direct_tell('trigger');
DROP TRIGGER direct_note ON community.entry;
DROP TRIGGER direct_note ON community.account_fold;
SELECT relation, operation, count(*), count(DISTINCT key) AS keys FROM direct_seen
GROUP BY 1, 2 ORDER BY 1, 2;
-- and none from here on
SELECT (community.accrue(1, 1, 'unseen')).points, (community.redeem(1, 1, 'unseen too')).points;
SELECT count(*) FROM direct_seen WHERE key LIKE 'unseen%';
SELECT s.step, s.call, min(s.results[1]) AS result, count(DISTINCT s.results[1]) AS different
FROM direct_story AS s GROUP BY 1, 2 ORDER BY 1;
-- the books as well
CREATE VIEW direct_books AS
SELECT p.name, e.member_id, e.kind, e.key, e.line, e.points, e.posted,
	regexp_replace(e.delta::text, '\d{4}-\d\d-\d\d \d\d:\d\d:[\d.]+\+00', 'TIME', 'g') AS delta
FROM community.entry AS e JOIN community.program AS p ON p.program_id = e.program_id
WHERE p.name IN ('direct', 'by SQL', 'trigger');
SELECT count(*) FROM (
	SELECT member_id, kind, key, line, points, posted, delta FROM direct_books
	WHERE key NOT LIKE 'unseen%'
	GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING count(*) <> 3) AS odd;
-- member 2 had tails that were too long, of credits and of debits
SELECT p.name, f.member_id, c.code, community.total(f.purse) AS stored, f.deficit,
	cardinality(f.folded_to) AS marks, (SELECT count(*) < 32 FROM community.entry AS e
		WHERE e.program_id = f.program_id AND e.member_id = f.member_id
			AND e.currency_id = f.currency_id
			AND e.entry_id > community.folded_from_start(f.folded_to)) AS short
FROM community.account_fold AS f JOIN community.program AS p ON p.program_id = f.program_id
JOIN community.currency AS c ON c.currency_id = f.currency_id
WHERE p.name IN ('direct', 'by SQL', 'trigger') ORDER BY f.member_id, c.code, p.name;
-- a balance is of one snapshot: row and tail fit together in the query of a cursor
BEGIN;
DECLARE direct_balance CURSOR FOR SELECT community.balance(2) FROM generate_series(1, 3);
FETCH 1 FROM direct_balance;
SELECT count(community.accrue(2, 1, 'later ' || g)) FROM generate_series(1, 40) AS g;
SELECT (community.redeem(2, 5, 'after that')).points;
FETCH 2 FROM direct_balance;
SELECT community.balance(2);
COMMIT;
-- a currency that changes in a session that has kept it
UPDATE community.currency SET overdraft = 10 WHERE program_id = community.current_program()
	AND code = 'points';
SELECT (community.redeem(2, 55, 'beyond')).delta, community.balance(2) AS before;
SELECT community.balance(2);
SELECT (community.redeem(2, 6, 'too far')).delta;
-- an index of the owner's sees each change, and is unique if he says so
CREATE UNIQUE INDEX direct_deficit ON community.account_fold (program_id, deficit)
	WHERE deficit > 10;
UPDATE community.currency SET overdraft = 100 WHERE program_id = community.current_program()
	AND code = 'points';
SELECT (community.redeem(2, 20, 'owes')).delta;
\set VERBOSITY terse
SELECT (community.redeem(1, (SELECT available + 30 FROM community.balance(1)), 'as much')).delta;
\set VERBOSITY default
SELECT (community.redeem(1, (SELECT available + 31 FROM community.balance(1)), 'more')).delta;
SET enable_seqscan = off;
SELECT member_id, deficit FROM community.account_fold
WHERE program_id = community.current_program() AND deficit > 10 ORDER BY deficit;
RESET enable_seqscan;
DROP INDEX community.direct_deficit;
-- what only reads can be called where nothing may be written
BEGIN READ ONLY;
SELECT community.balance(2);
SAVEPOINT s;
SELECT community.accrue(2, 1, 'read only');
ROLLBACK TO s;
SELECT community.redeem(2, 1, 'read only');
ROLLBACK;
