-- If this failed, members would lack what their tiers bring, keep it after the
-- tier has ended, or get points for one tenure twice.
CREATE SCHEMA perks;
SET search_path = perks, public;
SELECT community.create_program('perks test', time_zone => 'Europe/Berlin') > 0 AS created;
SET community.program = 'perks test';
SET timezone = 'Europe/Berlin';
SELECT count(community.enroll(g, joined_at => '2024-01-15 08:00')) FROM generate_series(1, 20) g;
INSERT INTO community.currency (program_id, code, return_policy)
SELECT community.current_program(), v.* FROM (VALUES ('rides', 'deficit'), ('kind', 'within_balance')) v;
INSERT INTO community.currency (program_id, code, inactive_after) VALUES (community.current_program(), 'idle', '1 year');
INSERT INTO community.ladder (program_id, name) VALUES (community.current_program(), 'club'), (community.current_program(), 'crew');
INSERT INTO community.tier (program_id, ladder_id, rank, name)
SELECT program_id, ladder_id, n, (ARRAY['silver', 'gold'])[n] FROM community.ladder, generate_series(1, 2) n
WHERE program_id = community.current_program();
-- a tenure by hand, as it is believed from now on
CREATE FUNCTION hold(member bigint, tier text, during tstzrange, source text DEFAULT 'qualified', reason text DEFAULT 'promoted',
	ends timestamptz DEFAULT NULL, ladder text DEFAULT 'club') RETURNS void LANGUAGE sql AS $$
	INSERT INTO community.tenure (program_id, member_id, ladder_id, tier, rank, source, during, ends_at, reason)
	SELECT l.program_id, $1, l.ladder_id, $2, t.rank, $4, $3, $6, $5 FROM community.ladder l
	JOIN community.tier t USING (program_id, ladder_id) WHERE l.program_id = community.current_program() AND l.name = $7 AND t.name = $2 $$;
-- what was believed about a member so far is not any more
CREATE FUNCTION unbelieve(member bigint) RETURNS void LANGUAGE sql AS $$
	UPDATE community.tenure SET superseded_at = clock_timestamp()
	WHERE program_id = community.current_program() AND member_id = $1 AND superseded_at IS NULL $$;
CREATE VIEW granted AS
SELECT g.member_id, b.code, g.tier, g.source, g.during, g.key IS NOT NULL AS given, g.withdrawn_at IS NOT NULL AS withdrawn, g.due_at, g.judged_at
FROM community.benefit_grant g JOIN community.benefit b USING (program_id, benefit_id) WHERE g.program_id = community.current_program();
CREATE VIEW book AS
SELECT e.member_id, c.code, e.kind, e.points, e.cut, e.effective_at, e.reason, e.delta AS lot, e.entry_id
FROM community.entry e JOIN community.currency c USING (program_id, currency_id) WHERE e.program_id = community.current_program();

-- definitions say what is wrong with them
SELECT community.define_benefit(NULL, 'flag');
SELECT community.define_benefit('', 'flag');
SELECT community.define_benefit('x', 'gift');
SELECT community.define_benefit('x', 'flag', factor => 2);
SELECT community.define_benefit('x', 'multiplier', 'points');
SELECT community.define_benefit('x', 'multiplier', 'points', factor => 0);
SELECT community.define_benefit('x', 'multiplier', 'points', factor => 1.0000001);
SELECT community.define_benefit('x', 'multiplier', 'points', factor => 2, rules => '{}');
SELECT community.define_benefit('x', 'multiplier', 'pints', factor => 2);
SELECT community.define_benefit('x', 'points', 'points', points => 0);
SELECT community.define_benefit('x', 'allowance', 'rides', points => 5);
SELECT community.define_benefit('x', 'allowance', 'rides', points => 5, period => 'rolling 30 days');
SELECT community.define_benefit('x', 'allowance', 'idle', points => 5, period => 'calendar month');
SELECT community.define_benefit('lounge', 'flag', payload => '{"guests": 1}') = community.define_benefit('lounge', 'flag', payload => '{"guests": 1}') AS same;
SELECT community.define_benefit('lounge', 'flag', payload => '{"guests": 2}');
SELECT community.define_benefit('welcome', 'points', 'points', points => 100) > 0 AS made,
	community.define_benefit('rides', 'allowance', 'rides', points => 4, period => 'calendar month') > 0 AS made,
	community.define_benefit('thanks', 'points', 'kind', points => 50) > 0 AS made;
SELECT community.list_benefit('club', 'gold', 'spa');
SELECT community.list_benefit('klub', 'gold', 'lounge');
SELECT community.list_benefit('club', 'golden', 'lounge');
SELECT community.list_benefit('club', 'gold', 'lounge', factor => 2);
SELECT community.list_benefit('club', 'gold', 'welcome', payload => '{}');
SELECT community.list_benefit('club', 'gold', 'lounge', valid => NULL);
SELECT community.list_benefit('club', 'gold', 'lounge', valid => '(,)') > 0 AS listed,
	community.list_benefit('club', 'gold', 'welcome', valid => '(,)') > 0 AS listed,
	community.list_benefit('club', 'silver', 'welcome', points => 10, valid => '(,)') > 0 AS listed,
	community.list_benefit('club', 'gold', 'rides', valid => '(,)') > 0 AS listed,
	community.list_benefit('crew', 'gold', 'lounge', payload => '{"guests": 9}', valid => '(,)') > 0 AS listed,
	community.list_benefit('crew', 'silver', 'thanks', valid => '(,)') > 0 AS listed;
SELECT community.list_benefit('club', 'gold', 'lounge');
-- and stay what they are
\set VERBOSITY terse
UPDATE community.benefit SET points = 5 WHERE program_id = community.current_program() AND code = 'welcome';
DELETE FROM community.benefit WHERE program_id = community.current_program() AND code = 'welcome';
UPDATE community.tier_benefit SET points = 11 WHERE program_id = community.current_program() AND points = 10;
UPDATE community.tier_benefit SET valid = '(,2024-01-01)' WHERE program_id = community.current_program() AND points = 10;
DELETE FROM community.tier_benefit WHERE program_id = community.current_program() AND points = 10;
\set VERBOSITY default

-- a tenure: a flag, points once, an allowance for the month as it is
SELECT hold(1, 'gold', '[2024-06-10,)', ends => '2025-06-10');
CALL community.settle_benefits('2024-06-12');
SELECT * FROM granted WHERE member_id = 1 ORDER BY code;
SELECT code, kind, points, effective_at, reason, lot FROM book WHERE member_id = 1 ORDER BY entry_id;
SELECT * FROM community.benefits(1, '2024-06-12');
SELECT at, community.has_benefit(1, 'lounge', at::timestamptz) FROM unnest(ARRAY['2024-06-09 23:59', '2024-06-10', '2025-06-09']) at;
-- again and again changes nothing
CALL community.settle_benefits('2024-06-12');
CALL community.settle_benefits('2024-06-30 23:59');
SELECT count(*) FROM book WHERE member_id = 1;
-- the next period, by who is due; of a month that has passed unseen nothing is given
CALL community.settle_benefits('2024-07-01', everybody => false);
CALL community.settle_benefits('2024-09-15', everybody => false);
SELECT code, kind, points, effective_at, lot FROM book WHERE member_id = 1 AND code = 'rides' ORDER BY entry_id;
SELECT period_start, period_end, points, taken FROM community.benefit_allowance WHERE program_id = community.current_program() ORDER BY 1;

-- grace and recovery are the same holding; a renewal brings points again, but no second allowance
SELECT unbelieve(1), hold(1, 'gold', '[2024-06-10,2024-09-20)'), hold(1, 'gold', '[2024-09-20,2024-09-25)', 'grace', 'grace'),
	hold(1, 'gold', '[2024-09-25,2024-09-28)', reason => 'recovered'), hold(1, 'gold', '[2024-09-28,)', reason => 'renewed');
CALL community.settle_benefits('2024-09-29');
SELECT code, during, given FROM granted WHERE member_id = 1 ORDER BY code, during;
SELECT code, count(*), sum(points) FROM book WHERE member_id = 1 GROUP BY 1 ORDER BY 1;

-- what comes to be known later moves a holding, and gives nothing twice
SELECT hold(2, 'gold', '[2024-06-10,)');
CALL community.settle_benefits('2024-06-12');
SELECT unbelieve(2), hold(2, 'gold', '[2024-05-20,)');
CALL community.settle_benefits('2024-06-13');
SELECT unbelieve(2), hold(2, 'gold', '[2024-06-11,2024-06-20)');
CALL community.settle_benefits('2024-06-14');
SELECT code, during, given, withdrawn, due_at FROM granted WHERE member_id = 2 ORDER BY code;
SELECT code, count(*), sum(points) FROM book WHERE member_id = 2 GROUP BY 1 ORDER BY 1;
-- the end takes what is left of the allowance, not what is spent
SELECT hold(3, 'gold', tstzrange(now() - interval '1 minute', NULL));
CALL community.settle_benefits(now());
SELECT (community.balance(3, 'rides')).available;
SELECT points FROM community.redeem(3, 3, 'rides of 3', 'rides');
SELECT unbelieve(3), hold(3, 'gold', '[2024-06-01,2024-06-20)');
CALL community.settle_benefits(now());
SELECT kind, points, cut FROM book WHERE member_id = 3 AND code = 'rides' ORDER BY entry_id;
-- and who comes back within the period gets that again
SELECT hold(3, 'gold', '[2024-07-01,)');
CALL community.settle_benefits(now());
CALL community.settle_benefits(now());
SELECT kind, points FROM book WHERE member_id = 3 AND code = 'rides' ORDER BY entry_id;
SELECT (community.balance(3, 'rides')).available;

-- a holding that never was: points go back, as the currency has it
SELECT hold(4, 'gold', '[2024-06-01,)'), hold(4, 'silver', '[2024-06-01,)', ladder => 'crew');
CALL community.settle_benefits(now());
SELECT points FROM community.redeem(4, 80, 'spent 4', 'points');
SELECT points FROM community.redeem(4, 30, 'kind 4', 'kind');
SELECT unbelieve(4);
CALL community.settle_benefits(now());
CALL community.settle_benefits(now());
SELECT code, kind, points, cut FROM book WHERE member_id = 4 ORDER BY entry_id;
SELECT code, given, withdrawn FROM granted WHERE member_id = 4 ORDER BY 1;
SELECT community.has_benefit(4, 'lounge'), (community.balance(4)).deficit, (community.balance(4, 'kind')).available;
-- and when it was after all, they come again
SELECT hold(4, 'gold', '[2024-06-01,)');
CALL community.settle_benefits(now());
SELECT kind, points FROM book WHERE member_id = 4 AND code = 'points' ORDER BY entry_id;

-- a tier does not imply lower ones; sources and ladders stand side by side
SELECT hold(5, 'silver', '[2024-06-01,)'), hold(5, 'gold', '[2024-06-01,2024-07-01)', 'granted', 'renewed'),
	hold(5, 'gold', '[2024-07-01,2024-08-01)', 'granted', 'renewed'), hold(5, 'gold', '[2024-06-15,)', ladder => 'crew');
CALL community.settle_benefits('2024-06-20');
SELECT code, tier, source, during, given FROM granted WHERE member_id = 5 ORDER BY code, tier, source, during;
SELECT code, tier, ladder, payload, during FROM community.benefits(5, '2024-06-20');
-- points of a tenure that is to begin are given when it does
SELECT hold(6, 'gold', '[2024-06-25,)', 'granted', 'gift');
CALL community.settle_benefits('2024-06-20');
SELECT code, given, due_at FROM granted WHERE member_id = 6 ORDER BY 1;
SELECT count(*) FROM book WHERE member_id = 6;
CALL community.settle_benefits('2024-06-25', everybody => false);
SELECT code, given, due_at FROM granted WHERE member_id = 6 ORDER BY 1;

-- closed members get nothing more, but their books hold
SELECT hold(7, 'gold', '[2024-06-25,)');
SELECT community.close_member(7, 'left');
CALL community.settle_benefits('2024-06-26');
SELECT count(*) FROM book WHERE member_id = 7;

-- what tiers bring ends, and begins, by time
SELECT community.define_benefit('parking', 'flag') > 0 AS made;
SELECT community.list_benefit('club', 'gold', 'parking', payload => '{"lot": 1}', valid => '[2024-03-01,2024-06-01)') > 0 AS listed,
	community.list_benefit('club', 'gold', 'parking', payload => '{"lot": 2}', valid => '[2024-06-01,)') > 0 AS listed;
SELECT hold(8, 'gold', '[2024-02-01,2024-08-01)');
CALL community.settle_benefits('2024-02-02');
SELECT at, community.has_benefit(8, 'parking', at::timestamptz), (SELECT payload FROM community.benefits(8, at::timestamptz) WHERE code = 'parking')
FROM unnest(ARRAY['2024-02-15', '2024-05-31 12:00', '2024-06-01', '2024-07-31 23:59', '2024-08-01']) at;
-- ended now, it has ended for all at once
UPDATE community.tier_benefit SET valid = tstzrange(lower(valid), now() + '1 us') WHERE program_id = community.current_program() AND payload = '{"lot": 2}';
SELECT hold(9, 'gold', '[2024-06-02,)');
CALL community.settle_benefits(now());
SELECT community.has_benefit(9, 'parking', '2024-06-02'), community.has_benefit(9, 'parking', now() + '1 s'), community.has_benefit(9, 'lounge', now() + '1 s');
SELECT community.has_benefit(9, 'spa');
SELECT community.has_benefit(99, 'lounge');

-- one probe of one index
SELECT hold(g, 'gold', '[2024-06-01,)', 'purchased', 'paid') FROM generate_series(10, 20) g;
CALL community.settle_benefits('2024-06-02', batch_size => 3);
SELECT count(*) AS grants, count(DISTINCT member_id) AS members FROM granted WHERE source = 'purchased';
INSERT INTO community.benefit_grant (program_id, member_id, benefit_id, listing_id, ladder_id, tier, source, held, during, judged_at)
SELECT g.program_id, g.member_id + 100 * n, g.benefit_id, g.listing_id, g.ladder_id, g.tier, g.source, g.held, g.during, g.judged_at
FROM community.benefit_grant g, generate_series(1, 500) n WHERE g.program_id = community.current_program() AND g.source = 'purchased';
VACUUM ANALYZE community.benefit_grant;
SET plan_cache_mode = force_generic_plan;
PREPARE probe (bigint, bigint, bigint, timestamptz) AS
	SELECT listing_id, judged_at, settled_at, source = 'qualified' FROM community.benefit_grant
	WHERE program_id = $1 AND member_id = $2 AND benefit_id = $3 AND withdrawn_at IS NULL AND during @> $4;
EXPLAIN (COSTS OFF) EXECUTE probe (1, 1, 1, now());
RESET plan_cache_mode;
CREATE FUNCTION buffers(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ' || query INTO plan;
	RETURN (plan -> 0 -> 'Plan' ->> 'Shared Hit Blocks')::bigint + (plan -> 0 -> 'Plan' ->> 'Shared Read Blocks')::bigint;
END $$;
-- the first calls read the configuration; then two pages of the index and one of the table
SELECT count(buffers('SELECT community.has_benefit(15, ''lounge'', ''2024-06-03'', ' || community.current_program() || ')')) FROM generate_series(1, 9);
SELECT buffers('SELECT community.has_benefit(15, ''lounge'', ''2024-06-03'', ' || community.current_program() || ')') <= 3 AS few;
DELETE FROM community.benefit_grant WHERE program_id = community.current_program() AND member_id > 100;

SELECT * FROM community.check_installation('full', community.current_program()) WHERE rule NOT IN ('tenure', 'paid-term');
-- which finds what is wrong
CREATE VIEW faults AS SELECT f.rule, f.member_id, regexp_replace(f.object, '[0-9]+', 'N') AS object, regexp_replace(f.detail, 'benefit [0-9]+', 'benefit N') AS detail
FROM community.check_installation('full', community.current_program()) f WHERE rule NOT IN ('tenure', 'paid-term') ORDER BY 1, 2, 3, 4;
BEGIN;
UPDATE community.tenure SET superseded_at = clock_timestamp() WHERE program_id = community.current_program() AND member_id = 9;
SELECT * FROM faults;
ROLLBACK;
BEGIN;
SELECT hold(1, 'gold', '[2024-07-01,)', ladder => 'crew');
UPDATE community.benefit_grant SET key = NULL, withdrawn_at = NULL WHERE program_id = community.current_program() AND member_id = 10 AND key IS NOT NULL;
UPDATE community.benefit_grant SET key = 'gone' WHERE program_id = community.current_program() AND member_id = 11 AND key IS NOT NULL;
UPDATE community.benefit_grant SET withdrawn_at = now() WHERE program_id = community.current_program() AND member_id = 12 AND key IS NOT NULL;
UPDATE community.benefit_allowance SET points = 3 WHERE program_id = community.current_program() AND member_id = 13;
SELECT * FROM faults;
ROLLBACK;
