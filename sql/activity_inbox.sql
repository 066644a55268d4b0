-- If this failed, events loaded in bulk would not be what record() would have
-- made of them, or a faulty row would be lost or stop the others.
SELECT community.create_program('inbox by row') > 0 AS created;
SELECT community.create_program('inbox by set') > 0 AS created;
CREATE TABLE load (n int, member_id bigint, external_id text, type text, key text, amount bigint,
	occurred_at timestamptz, target_id bigint, payload jsonb, source text);
INSERT INTO load SELECT g, 1 + g % 7, NULL, (ARRAY['order', 'post', 'gift'])[1 + g % 3], 'k' || g % 150, g % 150,
	'2024-01-01 00:00+00'::timestamptz + (g % 150) * interval '7 hours', CASE WHEN g % 5 = 0 THEN 3 END, '{}', 'api'
FROM generate_series(1, 120) g;
-- replays, re-used keys and all that record() refuses
INSERT INTO load VALUES
	(201, 2, NULL, 'order', 'twice', 5, '2024-01-01 00:00+00', NULL, '{"a": 1}', 'api'),
	(202, 2, NULL, 'order', 'twice', 5, '2024-01-01 00:00+00', NULL, '{"a": 1}', 'api'),
	(203, 2, NULL, 'order', 'twice', 6, '2024-01-01 00:00+00', NULL, '{"a": 1}', 'api'),
	(204, 99, NULL, 'order', 'no member', 6, '2024-01-01 00:00+00', NULL, '{}', 'api'),
	(205, 2, NULL, 'order', 'no member', 6, '2024-01-01 00:00+00', NULL, '{}', 'api'),
	(206, 2, NULL, 'order', 'no target', 6, '2024-01-01 00:00+00', 99, '{}', 'api'),
	(207, 7, NULL, 'order', 'closed', 6, '2024-01-01 00:00+00', NULL, '{}', 'api'),
	(208, NULL, NULL, 'order', 'nobody', 6, '2024-01-01 00:00+00', NULL, '{}', 'api'),
	(209, 2, NULL, NULL, 'no type', 6, '2024-01-01 00:00+00', NULL, '{}', 'api'),
	(210, 2, NULL, '', 'empty type', 6, '2024-01-01 00:00+00', NULL, '{}', 'api'),
	(211, 2, NULL, 'order', NULL, 6, '2024-01-01 00:00+00', NULL, '{}', 'api'),
	(212, 2, NULL, 'order', '', 6, '2024-01-01 00:00+00', NULL, '{}', 'api'),
	(213, 2, NULL, 'order', 'no amount', NULL, '2024-01-01 00:00+00', NULL, '{}', 'api'),
	(214, 2, NULL, 'order', 'least', -9223372036854775808, '2024-01-01 00:00+00', NULL, '{}', 'api'),
	(215, 2, NULL, 'order', 'never', 1, 'infinity', NULL, '{}', 'api'),
	(216, 2, NULL, 'order', 'long ago', 1, '1066-10-14 00:00+00', NULL, '{}', 'api'),
	(217, 2, NULL, 'order', repeat('k', 513), 1, '2024-01-01 00:00+00', NULL, '{}', 'api'),
	(218, 2, NULL, 'order', 'no source', 1, '2024-01-01 00:00+00', NULL, '{}', NULL),
	(219, 2, NULL, 'order', 'other source', 1, '2024-01-01 00:00+00', NULL, '{}', 'till'),
	(220, 3, NULL, 'order', 'twice', 1, '2024-01-01 00:00+00', NULL, '{}', 'till'),
	(221, NULL, 'anna', 'order', 'by name', 1, '2024-01-01 00:00+00', NULL, NULL, 'api'),
	(222, NULL, 'zoe', 'order', 'by unknown name', 1, '2024-01-01 00:00+00', NULL, NULL, 'api'),
	(223, 3, 'anna', 'order', 'by two names', 1, '2024-01-01 00:00+00', NULL, NULL, 'api'),
	(224, 2, NULL, 'order', 'now', 1, NULL, NULL, '{}', 'api'),
	(225, 2, NULL, 'order', 'own source', 1, '2024-01-01 00:00+00', NULL, '{}', 'ledger');
CREATE FUNCTION set_up(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('community.program', name, false);
	INSERT INTO community.activity_type (program_id, type, weight, weight_per_unit) VALUES (community.current_program(), 'gift', 2.5, 0.125);
	PERFORM community.enroll(g) FROM generate_series(1, 7) g;
	PERFORM community.enroll(500, external_id => 'anna');
	PERFORM community.record(1, 'order', 'k1', 1, '2024-01-01 07:00+00');
	PERFORM community.close_member(7, 'gone') ;
END $$;
-- one by one
SELECT set_up('inbox by row');
CREATE TABLE fault (n int, sqlstate text, reason text);
DO $$
DECLARE l load;
BEGIN
	FOR l IN SELECT * FROM load ORDER BY n LOOP
		BEGIN
			IF l.external_id IS NOT NULL AND l.member_id IS NULL THEN
				l.member_id := community.member_id(l.external_id);
				IF l.member_id IS NULL THEN
					RAISE EXCEPTION USING ERRCODE = 'CM002', MESSAGE = 'member "' || l.external_id || '" of program "inbox by set" does not exist';
				END IF;
			ELSIF l.external_id IS NOT NULL THEN
				RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('external id "%s" belongs to member %s, not to %s', l.external_id, community.member_id(l.external_id), l.member_id);
			END IF;
			PERFORM community.record(l.member_id, l.type, l.key, l.amount, coalesce(l.occurred_at, now()), l.target_id, l.payload, l.source);
		EXCEPTION WHEN OTHERS THEN
			INSERT INTO fault VALUES (l.n, SQLSTATE, replace(SQLERRM, 'inbox by row', 'inbox by set'));
		END;
	END LOOP;
END $$;
-- as a set
SELECT set_up('inbox by set');
INSERT INTO community.inbox (member_id, external_id, type, key, amount, occurred_at, target_id, payload, source)
SELECT member_id, external_id, type, key, amount, occurred_at, target_id, payload, source FROM load ORDER BY n;
CALL community.process_inbox();
SELECT count(*) AS left FROM community.inbox;
SELECT key, sqlstate, left(split_part(reason, ' (', 1), 90) AS reason FROM community.inbox_fault f JOIN community.program p USING (program_id)
WHERE p.name = 'inbox by set' AND key NOT LIKE 'k%' ORDER BY inbox_id;
SELECT count(*) AS different FROM (
	(SELECT sqlstate, split_part(reason, ' (', 1) FROM community.inbox_fault EXCEPT ALL SELECT sqlstate, reason FROM fault)
	UNION ALL
	(SELECT sqlstate, reason FROM fault EXCEPT ALL SELECT sqlstate, split_part(reason, ' (', 1) FROM community.inbox_fault)) s;
CREATE VIEW book AS
SELECT p.name, e.member_id, e.amount, CASE WHEN e.occurred_at_given THEN e.occurred_at END AS occurred_at, e.engagement, e.target_id, e.corrects,
	e.revision, e.occurred_at_given, e.kind, e.type, e.source, e.key, e.reason, e.actor, e.payload
FROM community.event e JOIN community.program p USING (program_id);
SELECT count(*) AS different FROM (
	(SELECT * FROM book WHERE name = 'inbox by row' EXCEPT ALL SELECT 'inbox by row', b.member_id, amount, occurred_at, engagement, target_id, corrects, revision, occurred_at_given, kind, type, source, key, reason, actor, payload FROM book b WHERE name = 'inbox by set')
	UNION ALL
	(SELECT 'inbox by row', b.member_id, amount, occurred_at, engagement, target_id, corrects, revision, occurred_at_given, kind, type, source, key, reason, actor, payload FROM book b WHERE name = 'inbox by set' EXCEPT ALL SELECT * FROM book WHERE name = 'inbox by row')) s;
SELECT count(*) FROM book WHERE name = 'inbox by set';
-- scores are the same to the last bit, but for the member with an event of now
SELECT count(*) AS members, count(*) FILTER (WHERE a.score::text <> b.score::text AND a.member_id <> 2) AS different
FROM community.engagement a JOIN community.engagement b USING (member_id)
WHERE a.program_id = (SELECT program_id FROM community.program WHERE name = 'inbox by row')
	AND b.program_id = (SELECT program_id FROM community.program WHERE name = 'inbox by set');
-- all or nothing, by a setting
SET community.inbox_on_fault = 'refuse';
INSERT INTO community.inbox (member_id, type, key) VALUES (1, 'post', 'good 1'), (1, 'post', 'good 2'), (99, 'post', 'bad');
CALL community.process_inbox(1);
SELECT count(*) AS left FROM community.inbox;
SELECT count(*) AS recorded FROM book WHERE key LIKE 'good%';
UPDATE community.inbox SET member_id = 1;
CALL community.process_inbox(1);
SELECT count(*) AS left FROM community.inbox;
SELECT count(*) AS recorded FROM book WHERE key LIKE 'good%';
SET community.inbox_on_fault = 'whatever';
RESET community.inbox_on_fault;
-- COPY, small batches, a broken payload stays out
\copy community.inbox (member_id, type, key, amount, payload) from stdin
1	post	copied 1	1	{"a": 1}
2	post	copied 2	2	{"a": 2}
1	post	copied 1	1	{"a": 1}
77	post	copied 3	3	{}
\.
CALL community.process_inbox(1);
SELECT key, amount, payload FROM book WHERE key LIKE 'copied%' ORDER BY key;
CALL community.process_inbox(0);
CALL community.process_inbox(10, 987654321);
CALL community.process_inbox(NULL);
DROP VIEW book;
DROP FUNCTION set_up;
DROP TABLE load, fault;
