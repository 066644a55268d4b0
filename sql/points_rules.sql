-- If this failed, an event would earn something else than its rules say, a
-- rule could be rewritten after it has paid, or simulate() would promise what
-- record() does not give.
SELECT community.create_program('rules test', time_zone => 'Europe/Berlin') > 0 AS created;
SET community.program = 'rules test';
SELECT count(community.enroll(g, attributes => CASE WHEN g > 5 THEN '{"club": true}' ELSE '{}' END::jsonb))
FROM generate_series(1, 9) g;
INSERT INTO community.currency (program_id, code, rounding)
SELECT community.current_program(), 'near', 'nearest' UNION ALL SELECT community.current_program(), 'upward', 'up';
CREATE VIEW coin AS SELECT code, currency_id FROM community.currency WHERE program_id = community.current_program();
-- a rule in one line: name, type, currency, stage, position, effect, points or factor, per
CREATE FUNCTION rule(name text, type text, currency text, stage int, place int, effect text, number numeric, per bigint DEFAULT NULL)
RETURNS bigint LANGUAGE sql AS $$
	INSERT INTO community.accrual_rule (program_id, name, type, currency_id, stage, position, effect, points, per, factor)
	SELECT community.current_program(), $1, $2, currency_id, $4, $5, $6, CASE WHEN $6 <> 'multiply' THEN $7 END,
		coalesce($8, CASE WHEN $6 = 'per_unit' THEN 1 END), CASE WHEN $6 = 'multiply' THEN $7 END
	FROM coin WHERE code = $3 RETURNING rule_id $$;
-- what an event earns: by simulate(), by the receipt and by the entries, which must agree
CREATE FUNCTION earns(type text, amount bigint DEFAULT 0, member bigint DEFAULT 1, target bigint DEFAULT NULL,
	payload jsonb DEFAULT '{}', at timestamptz DEFAULT '2024-06-01 12:00+00') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	promised text;
	receipt community.receipt;
	kept text;
	own jsonb;
BEGIN
	SELECT string_agg(format('%s %s: %s', s.member, s.currency, s.rules), '; ' ORDER BY s.member, s.side, s.currency) INTO promised
	FROM (SELECT g.member, g.currency, r.recipient AS side, string_agg(g.points::text, ' + ' ORDER BY g.n) AS rules
		FROM community.simulate($3, $1, $2, $6, $4, $5) WITH ORDINALITY AS g (member, currency, rule, rule_id, points, cut, cut_by, available_at, expires_at, priority, factor, n)
		JOIN community.accrual_rule r ON r.program_id = community.current_program() AND r.rule_id = g.rule_id GROUP BY 1, 2, 3) s;
	receipt := community.record($3, $1, 'e' || community.next_id(), $2, $6, $4, $5);
	SELECT string_agg(format('%s %s: %s', e.member_id, c.code, array_to_string(e.rule_points, ' + ')), '; '
			ORDER BY e.member_id, e.line >= 1000, c.code),
		coalesce(jsonb_object_agg(c.code, e.points) FILTER (WHERE e.line < 1000 AND e.points > 0), '{}')
	INTO kept, own FROM community.entry e JOIN coin c USING (currency_id) WHERE e.program_id = community.current_program() AND e.event_id = receipt.event_id
		AND e.points = (SELECT sum(p) FROM unnest(e.rule_points) p) AND e.points = community.total(e.delta);
	IF promised IS DISTINCT FROM kept OR own <> receipt.points THEN
		RETURN format('promised %s, kept %s, receipt %s', promised, kept, receipt.points);
	END IF;
	RETURN coalesce(kept, 'nothing');
END $$;
SELECT earns('order', 100) AS without_rules;

-- per unit: fractions count, and are rounded as the currency says
SELECT count(rule('by ' || code, 'order', code, 1, 1, 'per_unit', 1, 300)) FROM coin;
SELECT amount, earns('order', amount) FROM unnest(ARRAY[0, 1, 149, 150, 151, 299, 300, 301, 450, 600]) amount;
SELECT rule('half', 'half', 'near', 1, 2, 'per_unit', 0.5, 1) > 0 AS made;
SELECT amount, earns('half', amount) FROM unnest(ARRAY[1, 2, 3, 4]) amount;
-- negative amounts earn nothing, and never less
SELECT earns('order', -300);
-- thirds are exact: three of them are one
SELECT count(rule('third ' || g, 'thirds', 'points', 1, 1 + g, 'per_unit', 1, 3)) FROM generate_series(1, 3) g;
SELECT earns('thirds', 1), earns('thirds', 2), earns('thirds', 10);
-- six decimals
SELECT rule('tiny', 'tiny', 'upward', 1, 3, 'per_unit', 0.000001, 1) > 0, earns('tiny', 1), earns('tiny', 1000000), earns('tiny', 1000001);
-- fixed points, and no amount needed
SELECT rule('visit', 'visit', 'points', 1, 10, 'fixed', 7) > 0, earns('visit');
SELECT rule('visit bonus', 'visit', 'points', 1, 11, 'fixed', 0.5) > 0, earns('visit');
-- multiply takes what the rules before it gave, not those after it; a stage comes before a position
SELECT rule('sum 1', 'mix', 'points', 2, 5, 'fixed', 10) > 0, rule('double', 'mix', 'points', 2, 6, 'multiply', 2) > 0,
	rule('sum 2', 'mix', 'points', 2, 7, 'fixed', 1) > 0, rule('half of all', 'mix', 'points', 3, 1, 'multiply', 0.5) > 0,
	rule('first', 'mix', 'points', 1, 99, 'fixed', 4) > 0;
SELECT earns('mix');
-- a factor below 1 takes from those before it, the nearest first; nothing is negative
SELECT rule('a', 'shrink', 'points', 1, 21, 'fixed', 10) > 0, rule('b', 'shrink', 'points', 1, 22, 'fixed', 5) > 0,
	rule('c', 'shrink', 'points', 1, 23, 'multiply', 0.4) > 0, rule('d', 'shrink', 'points', 1, 24, 'fixed', 1) > 0;
SELECT earns('shrink');
SELECT rule('e', 'shrink', 'points', 1, 25, 'multiply', 0) > 0, earns('shrink');
-- multiplying nothing
SELECT rule('of nothing', 'void', 'points', 1, 26, 'multiply', 5) > 0, earns('void', 1000);
-- two currencies at once
SELECT rule('miles', 'flight', 'points', 1, 30, 'per_unit', 2) > 0, rule('stamps', 'flight', 'near', 1, 30, 'fixed', 1) > 0;
SELECT earns('flight', 12);
-- conditions: minimum, payload, member
INSERT INTO community.accrual_rule (program_id, name, type, currency_id, position, effect, points, minimum_amount, payload_filter, member_filter)
SELECT community.current_program(), v.*
FROM coin, LATERAL (VALUES
	('big spender', 'spend', currency_id, 50, 'fixed', 1, 50, NULL::jsonb, NULL::jsonb),
	('shoe spender', 'spend', currency_id, 51, 'fixed', 10, NULL, '{"dept": "shoes"}', NULL),
	('club spender', 'spend', currency_id, 52, 'fixed', 100, NULL, NULL, '{"club": true}'),
	('anybody', 'spend', currency_id, 53, 'fixed', 1000, -5, '{}', '{}')) v WHERE code = 'points';
SELECT earns('spend', 49) AS small, earns('spend', 50) AS big, earns('spend', -5) AS just, earns('spend', -6) AS below;
SELECT earns('spend', 0, payload => '{"dept": "shoes", "n": 1}') AS shoes, earns('spend', 0, payload => '{"dept": ["shoes"]}') AS a_list,
	earns('spend', 0, payload => NULL) AS no_payload;
SELECT earns('spend', 0, 6) AS club, earns('spend', 50, 7, payload => '{"dept": "shoes"}') AS everything;

-- whom an event is about
INSERT INTO community.accrual_rule (program_id, name, type, currency_id, position, effect, points, recipient, member_filter)
SELECT community.current_program(), v.* FROM coin, LATERAL (VALUES
	('thanks given', 'thanks', currency_id, 60, 'fixed', 1, 'member', NULL::jsonb),
	('thanks got', 'thanks', currency_id, 61, 'fixed', 5, 'target', NULL),
	('club thanked', 'thanks', currency_id, 62, 'fixed', 20, 'target', '{"club": true}')) v WHERE code = 'points';
SELECT earns('thanks', 0, 3, 2) AS other, earns('thanks', 0, 3, 8) AS club, earns('thanks', 0, 3) AS nobody, earns('thanks', 0, 3, 3) AS oneself;
SELECT community.close_member(9, 'gone');
SELECT earns('thanks', 0, 3, 9) AS closed_target;
SELECT community.simulate(9, 'thanks');
SELECT community.simulate(99, 'thanks');
SELECT community.simulate(3, 'thanks', target => 99);

-- valid from a time, inclusive, until another, exclusive; by the time of the event
INSERT INTO community.accrual_rule (program_id, name, type, currency_id, position, effect, points, valid)
SELECT community.current_program(), 'sale', 'deal', currency_id, 70, 'fixed', 3, '[2024-03-01 00:00+01, 2024-04-01 00:00+02)' FROM coin WHERE code = 'points';
SELECT at, earns('deal', at => at::timestamptz) FROM unnest(ARRAY['2024-02-29 23:59:59.999999+01', '2024-03-01 00:00+01',
	'2024-03-31 23:59:59.999999+02', '2024-04-01 00:00+02']) at;

-- pending, expiry and priority of a rule in place of the currency's; days are those of Berlin
INSERT INTO community.currency (program_id, code, pending_for, expires_after) VALUES (community.current_program(), 'slow', '14 days', '1 year');
INSERT INTO community.accrual_rule (program_id, name, type, currency_id, position, effect, points, pending_for, until_released, expires_after, expiry_rounding, priority)
SELECT community.current_program(), v.* FROM coin, LATERAL (VALUES
	('as the currency', 't0', currency_id, 1, 'fixed', 1, NULL::interval, NULL::bool, NULL::interval, NULL::community.period, NULL::int),
	('sooner', 't1', currency_id, 2, 'fixed', 1, '1 day', NULL, NULL, NULL, NULL),
	('at once', 't2', currency_id, 3, 'fixed', 1, '0', NULL, NULL, NULL, NULL),
	('when released', 't3', currency_id, 4, 'fixed', 1, NULL, true, NULL, NULL, NULL),
	('a month', 't4', currency_id, 5, 'fixed', 1, '0', NULL, '1 month', NULL, 7),
	('a month to the day', 't5', currency_id, 6, 'fixed', 1, '0', NULL, '1 month', 'calendar day', -7),
	('to the quarter', 't6', currency_id, 7, 'fixed', 1, '0', NULL, NULL, 'calendar quarter', NULL)) v WHERE code = 'slow';
SELECT s.rule, s.available_at AT TIME ZONE 'Europe/Berlin' AS available_at, s.expires_at AT TIME ZONE 'Europe/Berlin' AS expires_at, s.priority
FROM generate_series(0, 6) g, LATERAL community.simulate(1, 't' || g, 0, '2024-01-31 12:00+01') s;
SELECT count(*) AS wrong FROM generate_series(0, 6) g, LATERAL community.simulate(2, 't' || g, 0, '2024-01-31 12:00+01') s,
	LATERAL community.record(2, 't' || g, 'lot ' || g, 0, '2024-01-31 12:00+01') r
	JOIN community.entry e ON e.program_id = community.current_program() AND e.event_id = r.event_id, LATERAL community.lots(e.delta) l
WHERE (s.available_at, s.expires_at, s.priority, s.points) IS DISTINCT FROM (l.available_at, l.expires_at, l.priority, l.points);

-- too much: one rule, all of them, and what 128 bits do not hold
SELECT rule('huge', 'huge', 'points', 1, 80, 'per_unit', 1000000000000) > 0 AS made;
SELECT earns('huge', 1000), earns('huge', -9223372036854775807);
SELECT community.record(1, 'huge', 'too much', 1001);
SELECT community.simulate(1, 'huge', 1001);
SELECT community.record(1, 'huge', 'too much', 9223372036854775807);
SELECT count(rule('h' || g, 'odd', 'near', 1, 80 + g, 'per_unit', 0.999999, 999999999989 - 2 * g)) FROM generate_series(1, 3) g;
SELECT community.record(1, 'odd', 'too much', 1);
SELECT count(*) AS left_behind FROM community.event WHERE program_id = community.current_program() AND key = 'too much';

-- receipts, and their replays
SELECT replay, points FROM community.record(4, 'flight', 'receipt', 12);
SELECT replay, points FROM community.record(4, 'flight', 'receipt', 12);
SELECT replay, points FROM community.record(4, 'whatever', 'no receipt', occurred_at => now());
SELECT replay, points FROM community.record(4, 'thanks', 'thanks receipt', target => 2);
SELECT replay, points FROM community.record(4, 'thanks', 'thanks receipt', target => 2);
SELECT count(*) AS entries FROM community.entry e JOIN community.event v USING (program_id, event_id)
WHERE e.program_id = community.current_program() AND v.key LIKE '%receipt';

-- versions: the one in force at the time of the event
SELECT rule('v', 'versioned', 'points', 1, 90, 'fixed', 1) > 0 AS made;
SELECT community.change_rule('v', '{"points": 2}', '2090-01-01+00') > 0 AS second, community.change_rule('v', '{"points": 4, "type": null}', '2092-01-01+00') > 0 AS third,
	community.change_rule('v', '{"points": 3.5}', '2091-01-01+00') > 0 AS between;
SELECT version, type, points, position, valid = tstzrange(lower(valid), upper(valid)) AS half_open, upper(valid) IS NULL AS open, upper_inf(valid) AS inf,
	lower(valid) AT TIME ZONE 'UTC' AS from, upper(valid) AT TIME ZONE 'UTC' AS until
FROM community.accrual_rule WHERE program_id = community.current_program() AND name = 'v' ORDER BY lower(valid) NULLS FIRST;
-- what has not begun may be replaced, edited, closed away and deleted
SELECT community.change_rule('v', '{"points": 9}', '2091-01-01+00') > 0 AS replaced, community.close_rule('v', '2092-06-01+00') > 0 AS ended, community.close_rule('v', '2090-01-01+00') > 0 AS gone;
UPDATE community.accrual_rule SET points = 5 WHERE program_id = community.current_program() AND name = 'v' AND version = 3;
SELECT version, points, lower(valid) AT TIME ZONE 'UTC' AS from, upper(valid) AT TIME ZONE 'UTC' AS until
FROM community.accrual_rule WHERE program_id = community.current_program() AND name = 'v' ORDER BY lower(valid) NULLS FIRST;
DELETE FROM community.accrual_rule WHERE program_id = community.current_program() AND name = 'v' AND version > 1;
-- now: the old version until this transaction, the new one from it on
BEGIN;
SELECT rule('w', 'versioned w', 'points', 1, 91, 'fixed', 1) > 0 AS made;
SELECT community.change_rule('w', '{"points": 8, "minimum_amount": 0, "payload_filter": {"a": 1}, "until_released": true, "expires_after": "P1Y", "expiry_rounding": "calendar year", "priority": 3}') > 0 AS changed;
SELECT earns('versioned w', at => now() - interval '1 microsecond') AS before, earns('versioned w', at => now(), payload => '{"a": 1}') AS after;
SELECT version, points, per, minimum_amount, payload_filter, until_released, expires_after = '1 year' AS a_year, expiry_rounding, priority,
	lower(valid) = now() AS from_now, upper_inf(valid) AS open, created_at >= now() AS made_now
FROM community.accrual_rule WHERE program_id = community.current_program() AND name = 'w' ORDER BY version DESC LIMIT 1;
COMMIT;
-- what cannot be
\set SHOW_CONTEXT never
\set VERBOSITY terse
SELECT community.change_rule('w', '{"points": -1}');
SELECT community.change_rule('w', '{"effect": "multiply"}');
\set VERBOSITY default
SELECT community.change_rule('w', '{"pionts": 1}');
SELECT community.change_rule('w', '{"valid": "empty"}');
SELECT community.change_rule('w', '{"name": "x"}');
SELECT community.change_rule('w', '{"points": "many"}');
SELECT community.change_rule('w', '{}');
SELECT community.change_rule('w', '[1]');
SELECT community.change_rule('w', NULL);
SELECT community.change_rule('nothing', '{"points": 1}', '2024-01-01 00:00+00');
SELECT community.change_rule('w', '{"points": 1}', 'infinity');
SELECT community.change_rule('sum 1', '{"points": 1}', '2024-01-01 00:00+00');
SELECT community.change_rule('sale', '{"points": 1}', '2024-03-01 00:00+01');
SELECT community.close_rule('sum 1', '2024-01-01 00:00+00');
SELECT community.close_rule(NULL);
UPDATE community.accrual_rule SET points = 2 WHERE program_id = community.current_program() AND name = 'sum 1';
UPDATE community.accrual_rule SET payload_filter = '{"x": 1}' WHERE program_id = community.current_program() AND name = 'sum 1';
UPDATE community.accrual_rule SET valid = '[2000-01-01 00:00+00,)' WHERE program_id = community.current_program() AND name = 'sum 1';
UPDATE community.accrual_rule SET valid = '(,2024-01-01 00:00+00)' WHERE program_id = community.current_program() AND name = 'sum 1';
UPDATE community.accrual_rule SET valid = '[2024-03-01 00:00+01,)' WHERE program_id = community.current_program() AND name = 'sale';
DELETE FROM community.accrual_rule WHERE program_id = community.current_program() AND name = 'sale';
TRUNCATE community.accrual_rule;
SELECT community.guard_rules();
-- the same value is no edit, and an end ahead may be moved
UPDATE community.accrual_rule SET points = points, valid = '(,2080-01-01)' WHERE program_id = community.current_program() AND name = 'sum 1';
UPDATE community.accrual_rule SET valid = '(,)' WHERE program_id = community.current_program() AND name = 'sum 1';
-- what rules must be like
\set VERBOSITY terse
SELECT rule('', 'x', 'points', 8, 1, 'fixed', 1);
SELECT rule('x', 'x', 'points', 8, 1, 'add', 1);
SELECT rule('x', 'x', 'points', 8, 1, 'fixed', 1, 5);
SELECT rule('x', 'x', 'points', 8, 1, 'per_unit', 1, 0);
SELECT rule('x', 'x', 'points', 8, 1, 'per_unit', 0.0000001, 1);
SELECT rule('x', 'x', 'points', 8, 1, 'multiply', -1);
\set VERBOSITY default
-- one order: no two rules in one place, nor two versions, while both are valid
SELECT rule('rival', 'other', 'points', 2, 5, 'fixed', 1);
INSERT INTO community.accrual_rule (program_id, name, version, currency_id, position, effect, points)
SELECT community.current_program(), 'sum 1', 2, currency_id, 500, 'fixed', 1 FROM coin WHERE code = 'points';
INSERT INTO community.accrual_rule (program_id, name, currency_id, position, effect, points, valid)
SELECT community.current_program(), 'late', currency_id, 70, 'fixed', 3, '[2024-03-31 00:00+01, 2024-05-01 00:00+02)' FROM coin WHERE code = 'points';
INSERT INTO community.accrual_rule (program_id, name, currency_id, position, effect, points, valid)
SELECT community.current_program(), 'later', currency_id, 70, 'fixed', 3, '[2024-04-01 00:00+02, 2024-05-01 00:00+02)' FROM coin WHERE code = 'points';
INSERT INTO community.accrual_rule (program_id, name, currency_id, position, effect, points)
SELECT community.current_program(), n, currency_id, 600, 'fixed', 3 FROM coin, unnest(ARRAY['twin 1', 'twin 2']) n WHERE code = 'points';
INSERT INTO community.accrual_rule (program_id, name, currency_id, position, effect, points)
SELECT community.current_program(), 'other currency', currency_id, 5, 'fixed', 3 FROM coin WHERE code = 'slow';
INSERT INTO community.accrual_rule (program_id, name, currency_id, position, effect, points, valid)
SELECT community.current_program(), 'other currency', currency_id, 50, 'fixed', 3, '(,2020-01-01)' FROM coin WHERE code = 'slow';
-- simulate() is for readers
BEGIN READ ONLY;
SELECT member, currency, rule, points, cut, cut_by FROM community.simulate(6, 'spend', 50);
COMMIT;
SELECT community.simulate(1, NULL);
SELECT community.simulate(1, 'x', occurred_at => 'infinity');
SELECT community.simulate(1, 'x', -9223372036854775808);

-- a rule for every type, until it is closed
SELECT rule('any', NULL, 'upward', 9, 9, 'fixed', 1) > 0 AS made, earns('flight', 12), earns('whatever');
SELECT community.close_rule('any') > 0 AS closed, earns('whatever', at => now()) AS now, earns('whatever', at => now() - interval '1 second') AS before;
-- what an event has earned can wait until it is released, for all whom it rewards
INSERT INTO community.currency (program_id, code, until_released) VALUES (community.current_program(), 'later', true);
INSERT INTO community.accrual_rule (program_id, name, type, currency_id, position, effect, points, per, recipient)
SELECT community.current_program(), v.* FROM coin, LATERAL (VALUES
	('on delivery', 'parcel', currency_id, 1, 'per_unit', 1, 1, 'member'),
	('for the sender', 'parcel', currency_id, 2, 'fixed', 7, NULL, 'target')) v WHERE code = 'later';
CREATE VIEW waiting AS SELECT member_id, available, pending, deficit FROM community.account
WHERE program_id = community.current_program() AND currency = 'later' ORDER BY member_id;
SELECT points FROM community.record(2, 'parcel', 'p1', 100, target => 1);
SELECT points FROM community.record(2, 'parcel', 'p2', 50);
SELECT * FROM waiting;
SELECT replay, member, currency, kind, points, delta FROM community.release('p1', 'api');
SELECT * FROM waiting;
SELECT replay, member, currency, kind, points, delta FROM community.release('p1', 'api');
SELECT * FROM waiting;
-- a refund takes what was released where it is, and leaves alone what others wait for
SELECT points FROM community.reverse('p1', 'half of it', 50);
SELECT * FROM waiting;
SELECT points FROM community.reverse('p1', 'the rest');
SELECT * FROM waiting;
-- what was taken back before is not released
SELECT points FROM community.reverse('p2', 'a part', 20);
SELECT delta FROM community.release('p2', 'api');
SELECT * FROM waiting;
SELECT points FROM community.reverse('p2', 'all');
SELECT * FROM waiting;
SELECT community.release('p3', 'api');
SELECT points FROM community.record(2, 'visit', 'p4');
SELECT community.release('p4', 'api');
SELECT community.release('p1', '');
SELECT e.kind, e.line, e.points, e.delta, o.kind AS about FROM community.entry e
LEFT JOIN community.entry o ON o.program_id = e.program_id AND o.entry_id = e.reverses
JOIN coin c ON c.currency_id = e.currency_id WHERE e.program_id = community.current_program() AND code = 'later' ORDER BY e.entry_id;
DROP VIEW waiting;
DROP FUNCTION rule, earns;
DROP VIEW coin;
