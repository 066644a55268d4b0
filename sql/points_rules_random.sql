-- If this failed, one of the ways in which events come (record(), the inbox,
-- an attached table) would give other points than the others, or all of them
-- something else than the rules and caps say in plain arithmetic.
CREATE TABLE happening (n int PRIMARY KEY, who int, type text, amount bigint, at timestamptz, target int, payload jsonb);
SELECT count(community.create_program('random rules ' || how, time_zone => 'America/New_York')) FROM unnest(ARRAY['record', 'inbox', 'attached']) how;
CREATE FUNCTION program_of(how text) RETURNS bigint LANGUAGE sql AS $$ SELECT program_id FROM community.program WHERE name = 'random rules ' || $1 $$;
CREATE FUNCTION pick(choices text[]) RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT $1[1 + floor(random() * cardinality($1))] $$;
SELECT count(community.enroll(m, joined_at => timestamptz '2020-02-29 12:00+00' + m * interval '17 days', attributes => jsonb_build_object('level', m % 3), program => program_of(how)))
FROM generate_series(1, 12) m, unnest(ARRAY['record', 'inbox', 'attached']) how;
SELECT setseed(0.4);
-- the same random rules and caps in each program
CREATE TABLE draft AS SELECT n, 'rule ' || n AS name, CASE WHEN random() < 0.7 THEN pick('{buy,post,thank}') END AS type, pick('{points,down,up}') AS currency,
	1 + n % 4 AS stage, n AS position, pick('{fixed,per_unit,per_unit,multiply}') AS effect, round((random() * 20)::numeric, 3) AS number, 1 + floor(random() * 9)::bigint AS per,
	pick('{member,member,target}') AS recipient, CASE WHEN random() < 0.3 THEN floor(random() * 100) - 20 END AS minimum_amount,
	CASE WHEN random() < 0.3 THEN '{"a": 1}'::jsonb END AS payload_filter, CASE WHEN random() < 0.3 THEN '{"level": 1}'::jsonb END AS member_filter,
	CASE WHEN random() < 0.4 THEN tstzrange(timestamptz '2024-01-01' + random() * interval '90 days', timestamptz '2024-04-01' + random() * interval '90 days') ELSE '(,)' END AS valid
FROM generate_series(1, 18) n;
CREATE TABLE limits AS SELECT n, 'cap ' || n AS name, pick('{points,down,up}') AS currency, CASE WHEN random() < 0.6 THEN (SELECT array_agg('rule ' || g) FROM generate_series(1, 18) g WHERE (g * n) % 3 = 0 OR g % 5 = n % 5) END AS rules,
	pick('{points,points,events}') AS counts, pick('{calendar day,calendar week,calendar month,calendar quarter,anniversary month,rolling 30 days,rolling 36 hours,lifetime}') AS period, floor(random() * 60) AS most,
	CASE WHEN random() < 0.3 THEN tstzrange('2024-02-01', '2024-05-01') ELSE '(,)' END AS valid
FROM generate_series(1, 9) n;
INSERT INTO community.currency (program_id, code, rounding)
SELECT program_of(how), v.* FROM unnest(ARRAY['record', 'inbox', 'attached']) how, (VALUES ('down', 'nearest'), ('up', 'up')) v;
INSERT INTO community.accrual_rule (program_id, name, type, currency_id, stage, position, effect, points, per, factor, recipient, minimum_amount, payload_filter, member_filter, valid)
SELECT c.program_id, d.name, d.type, c.currency_id, d.stage, d.position, d.effect, CASE WHEN d.effect <> 'multiply' THEN d.number END, CASE WHEN d.effect = 'per_unit' THEN d.per END,
	CASE WHEN d.effect = 'multiply' THEN round(d.number / 10, 2) END, d.recipient, d.minimum_amount, d.payload_filter, d.member_filter, d.valid
FROM draft d JOIN community.currency c ON c.code = d.currency AND c.program_id IN (SELECT program_of(how) FROM unnest(ARRAY['record', 'inbox', 'attached']) how);
INSERT INTO community.cap (program_id, name, currency_id, rules, counts, maximum, period, valid, created_at)
SELECT c.program_id, d.name, c.currency_id, d.rules, d.counts, CASE WHEN d.counts = 'events' THEN 1 + d.most::int / 10 ELSE d.most * 20 END, d.period::community.period, d.valid, '2024-01-01'
FROM limits d JOIN community.currency c ON c.code = d.currency AND c.program_id IN (SELECT program_of(how) FROM unnest(ARRAY['record', 'inbox', 'attached']) how) ORDER BY d.n;
INSERT INTO happening SELECT n, 1 + floor(random() * 12), pick('{buy,post,thank}'), floor(random() * 300) - 40, timestamptz '2024-01-01' + random() * interval '180 days',
	CASE WHEN random() < 0.5 THEN 1 + floor(random() * 12) END, CASE WHEN random() < 0.5 THEN '{"a": 1, "b": 2}'::jsonb ELSE '{}' END
FROM generate_series(1, 600) n;
UPDATE happening SET target = NULL WHERE target = who;

-- one by one, asking simulate() before each; what was promised must be kept
CREATE FUNCTION play() RETURNS TABLE (events bigint, rewarded bigint, broken bigint) LANGUAGE plpgsql AS $$
DECLARE
	h happening;
	p CONSTANT bigint := program_of('record');
	promised text;
	kept text;
	e bigint;
BEGIN
	events := 0; rewarded := 0; broken := 0;
	FOR h IN SELECT * FROM happening ORDER BY n LOOP
		SELECT string_agg(format('%s %s %s %s', s.member, s.rule_id, s.points, s.currency), ', ' ORDER BY s.member, s.rule_id) INTO promised
		FROM community.simulate(h.who, h.type, h.amount, h.at, h.target, h.payload, p) s;
		SELECT event_id INTO e FROM community.record(h.who, h.type, 'h' || h.n, h.amount, h.at, h.target, h.payload, program => p);
		SELECT string_agg(format('%s %s %s %s', n.member_id, r.id, r.points, c.code), ', ' ORDER BY n.member_id, r.id) INTO kept
		FROM community.entry n JOIN community.currency c USING (program_id, currency_id), unnest(n.rule_ids, n.rule_points) r (id, points)
		WHERE n.program_id = p AND n.event_id = e;
		events := events + 1;
		rewarded := rewarded + (kept IS NOT NULL)::int;
		broken := broken + (kept IS DISTINCT FROM promised)::int;
	END LOOP;
	RETURN NEXT;
END $$;
SELECT events, rewarded > 400 AS many_rewarded, broken FROM play();
-- all together, in the order of a loop: members come in order, as nothing of theirs depends on others
SELECT set_config('community.program', 'random rules inbox', false);
SET client_min_messages = warning;
INSERT INTO community.inbox (member_id, type, key, amount, occurred_at, target_id, payload)
SELECT who, type, 'h' || n, amount, at, target, payload FROM happening ORDER BY n;
CALL community.process_inbox(10000);
SELECT count(*) AS left_behind FROM community.inbox;
-- an attached table for each type, as a row of one has no type of its own
SELECT set_config('community.program', 'random rules attached', false);
CREATE TABLE bought (key text PRIMARY KEY, who int, amount bigint, at timestamptz, target int);
SELECT community.attach('bought', 'buy', 'who', 'amount::bigint', 'at', target => 'target', key => 'key') > 0 AS attached;
INSERT INTO bought SELECT 'h' || n, who, amount, at, target FROM happening ORDER BY n;
RESET client_min_messages;

CREATE VIEW book AS SELECT p.name, v.key, e.member_id AS member, c.code, e.line, e.points, e.cut, e.delta::text AS delta,
	(SELECT array_agg(r.name ORDER BY o) FROM unnest(e.rule_ids) WITH ORDINALITY u (id, o) JOIN community.accrual_rule r ON r.program_id = e.program_id AND r.rule_id = u.id) AS rules,
	e.rule_points, (SELECT array_agg(r.name ORDER BY o) FROM unnest(e.cut_by) WITH ORDINALITY u (id, o) JOIN community.cap r ON r.program_id = e.program_id AND r.cap_id = u.id) AS cut_by,
	e.effective_at
FROM community.entry e JOIN community.program p USING (program_id) JOIN community.event v USING (program_id, event_id)
JOIN community.currency c ON c.program_id = e.program_id AND c.currency_id = e.currency_id WHERE p.name LIKE 'random rules%';
CREATE VIEW count_by_name AS SELECT p.name, c.name AS cap, u.member_id, u.used_at, u.points, CASE WHEN u.used_at > '-infinity' OR c.period::text = 'lifetime' THEN u.events END AS events
FROM community.cap_usage u JOIN community.cap c USING (program_id, cap_id) JOIN community.program p USING (program_id) WHERE p.name LIKE 'random rules%';
SELECT count(*) > 500 AS entries, sum(cut) > 1000 AS cut, count(*) FILTER (WHERE cardinality(cut_by) > 1) > 10 AS by_several, count(*) FILTER (WHERE line >= 1000) > 100 AS of_targets FROM book WHERE name = 'random rules record';
SELECT count(*) AS differ FROM (SELECT key, member, code, line, points, cut, delta, rules, rule_points, cut_by, effective_at FROM book WHERE name = 'random rules record'
	EXCEPT SELECT key, member, code, line, points, cut, delta, rules, rule_points, cut_by, effective_at FROM book WHERE name = 'random rules inbox') d;
SELECT (SELECT count(*) FROM book WHERE name = 'random rules record') - (SELECT count(*) FROM book WHERE name = 'random rules inbox') AS more;
SELECT count(*) AS differ FROM (SELECT cap, member_id, used_at, points, events FROM count_by_name WHERE name = 'random rules record'
	EXCEPT SELECT cap, member_id, used_at, points, events FROM count_by_name WHERE name = 'random rules inbox') d;
-- the attached table against the same rows by record()
SELECT community.create_program('random rules again', time_zone => 'America/New_York') > 0 AS created;
SET community.program = 'random rules again';
SELECT count(community.enroll(member_id, joined_at => joined_at, attributes => attributes)) FROM community.member WHERE program_id = program_of('record');
INSERT INTO community.currency (program_id, code, rounding) VALUES (program_of('again'), 'down', 'nearest'), (program_of('again'), 'up', 'up');
INSERT INTO community.accrual_rule (program_id, name, type, currency_id, stage, position, effect, points, per, factor, recipient, minimum_amount, payload_filter, member_filter, valid)
SELECT program_of('again'), r.name, type, n.currency_id, stage, position, effect, points, per, factor, recipient, minimum_amount, payload_filter, member_filter, valid
FROM community.accrual_rule r JOIN community.currency c USING (program_id, currency_id) JOIN community.currency n ON n.program_id = program_of('again') AND n.code = c.code WHERE r.program_id = program_of('record');
INSERT INTO community.cap (program_id, name, currency_id, rules, counts, maximum, period, valid, created_at)
SELECT program_of('again'), l.name, n.currency_id, rules, counts, maximum, period, valid, l.created_at
FROM community.cap l JOIN community.currency c USING (program_id, currency_id) JOIN community.currency n ON n.program_id = program_of('again') AND n.code = c.code WHERE l.program_id = program_of('record') ORDER BY cap_id;
SELECT count(community.record(who, 'buy', 'h' || n, amount, at, target)) FROM (SELECT * FROM happening ORDER BY n) h;
SELECT count(*) AS differ FROM (SELECT key, member, code, line, points, cut, delta, rules, rule_points, cut_by, effective_at FROM book WHERE name = 'random rules again'
	EXCEPT SELECT key, member, code, line, points, cut, delta, rules, rule_points, cut_by, effective_at FROM book WHERE name = 'random rules attached') d;
SELECT (SELECT count(*) FROM book WHERE name = 'random rules again') - (SELECT count(*) FROM book WHERE name = 'random rules attached') AS more;
SELECT name, count(f.*) AS faults FROM community.program p LEFT JOIN LATERAL community.cap_faults(p.program_id) f ON true WHERE name LIKE 'random rules%' GROUP BY 1 ORDER BY 1;
-- and the amounts change
SET community.program = 'random rules attached';
UPDATE bought SET amount = amount + 37;
SELECT name, count(f.*) AS faults FROM community.program p LEFT JOIN LATERAL community.cap_faults(p.program_id) f ON true WHERE name LIKE 'random rules%' GROUP BY 1 ORDER BY 1;
UPDATE bought SET amount = 0;
DELETE FROM bought;
SELECT count(*) AS left_behind FROM (SELECT member, code FROM book WHERE name = 'random rules attached' GROUP BY 1, 2 HAVING sum(points) <> 0) x;

-- the oracle: rules in numeric arithmetic, caps by counting again from the start for every event, in plain sums
CREATE FUNCTION rounded(v numeric, how text) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN v <= 0 THEN 0 WHEN how = 'up' THEN ceil(round(v, 9)) WHEN how = 'nearest' THEN floor(round(v, 9) + 0.5) ELSE floor(round(v, 9)) END::bigint $$;
CREATE TABLE given (n int, member int, code text, side text, place int, rule text, points bigint, at timestamptz, event bigint);
CREATE FUNCTION oracle() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	h record; r record; c record; s record;
	total numeric; before bigint; after bigint; shares bigint[]; names text[]; spare bigint; wanted bigint; used bigint; part bigint;
	lo timestamptz; room bigint; counted record;
BEGIN
	FOR h IN SELECT x.*, z.side, z.member, m.attributes, m.joined_at FROM happening x, LATERAL (VALUES ('member', x.who), ('target', x.target)) z (side, member)
			JOIN community.member m ON m.program_id = program_of('record') AND m.member_id = z.member
			ORDER BY x.n, z.member LOOP
		FOR c IN SELECT DISTINCT currency FROM draft ORDER BY 1 LOOP
			total := 0; before := 0; shares := '{}'; names := '{}';
			FOR r IN SELECT d.*, y.rounding FROM draft d JOIN community.currency y ON y.program_id = program_of('record') AND y.code = d.currency
					WHERE d.currency = c.currency AND d.recipient = h.side AND coalesce(d.type, h.type) = h.type AND h.amount >= coalesce(d.minimum_amount, h.amount)
						AND h.payload @> coalesce(d.payload_filter, '{}') AND h.attributes @> coalesce(d.member_filter, '{}') AND d.valid @> h.at
					ORDER BY d.stage, d.position LOOP
				total := CASE r.effect WHEN 'fixed' THEN total + r.number WHEN 'per_unit' THEN total + r.number * h.amount / r.per ELSE total * round(r.number / 10, 2) END;
				after := rounded(total, r.rounding);
				shares := shares || greatest(after - before, 0);
				-- what a rule takes off comes from those before it
				spare := greatest(before - after, 0);
				FOR i IN REVERSE cardinality(shares) - 1 .. 1 LOOP
					part := least(shares[i], spare); shares[i] := shares[i] - part; spare := spare - part;
				END LOOP;
				names := names || r.name;
				before := after;
			END LOOP;
			CONTINUE WHEN before = 0 OR cardinality(names) = 0;
			FOR s IN SELECT l.* FROM limits l WHERE l.currency = c.currency AND l.valid @> h.at ORDER BY l.n LOOP
				wanted := (SELECT sum(shares[i]) FROM generate_subscripts(names, 1) i WHERE s.rules IS NULL OR names[i] = ANY (s.rules));
				CONTINUE WHEN coalesce(wanted, 0) = 0;
				used := 0;
				FOR counted IN SELECT DISTINCT t FROM (SELECT h.at AS t UNION ALL SELECT g.at FROM given g WHERE s.period LIKE 'rolling%' AND g.member = h.member AND g.at > h.at) x LOOP
					lo := lower(community.period_at(s.period::community.period, counted.t, h.joined_at, 'America/New_York'));
					CONTINUE WHEN counted.t > h.at AND lo >= h.at;
					used := greatest(used, (SELECT coalesce(CASE WHEN s.counts = 'events' THEN count(DISTINCT (g.n, g.side)) ELSE sum(g.points) END, 0) FROM given g
						WHERE g.member = h.member AND g.code = c.currency AND g.points > 0 AND (s.rules IS NULL OR g.rule = ANY (s.rules)) AND s.valid @> g.at
							AND CASE WHEN s.period LIKE 'rolling%' THEN g.at > lo AND g.at <= counted.t
								ELSE community.period_at(s.period::community.period, h.at, h.joined_at, 'America/New_York') @> g.at END));
				END LOOP;
				room := CASE WHEN s.counts = 'points' THEN least(wanted, greatest(s.most * 20 - used, 0)) WHEN used < 1 + s.most::int / 10 THEN wanted ELSE 0 END;
				spare := wanted - room;
				FOR i IN REVERSE cardinality(names) .. 1 LOOP
					CONTINUE WHEN s.rules IS NOT NULL AND names[i] <> ALL (s.rules);
					part := least(shares[i], spare); shares[i] := shares[i] - part; spare := spare - part;
				END LOOP;
			END LOOP;
			INSERT INTO given SELECT h.n, h.member, c.currency, h.side, i, names[i], shares[i], h.at FROM generate_subscripts(names, 1) i;
		END LOOP;
	END LOOP;
	RETURN (SELECT count(*) FROM given);
END $$;
SELECT oracle() > 1000 AS rows;
SELECT count(*) AS wrong FROM (SELECT n, member::bigint AS member, code, side = 'target' AS to_target, array_agg(rule ORDER BY place) AS rules, array_agg(points ORDER BY place) AS points FROM given GROUP BY 1, 2, 3, 4) g
FULL JOIN (SELECT substr(key, 2)::int AS n, member, code, line >= 1000 AS to_target, rules, rule_points FROM book WHERE name = 'random rules record') b USING (n, member, code, to_target)
WHERE (g.rules, g.points) IS DISTINCT FROM (b.rules, b.rule_points);
SELECT set_config('community.program', 'random rules attached', false);
SELECT community.detach('bought', 'buy');
DROP VIEW book, count_by_name;
DROP TABLE happening, draft, limits, bought, given;
DROP FUNCTION program_of, pick, play, oracle, rounded;
