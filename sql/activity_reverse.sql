-- If this failed, a refund could take back more than was given, or twice, or
-- parts of it would not sum to the whole.
SELECT community.create_program('reverse test') > 0 AS created;
SET community.program = 'reverse test';
SELECT count(community.enroll(g)) FROM generate_series(1, 3) g;
SELECT replay FROM community.record(1, 'order', 'a', 100);
SELECT replay, amount FROM community.reverse('a', 'one item', 33);
SELECT replay, amount FROM community.reverse('a', 'one item', 33);
SELECT community.reverse('a', 'too much', 35);
SELECT community.reverse('a', 'nothing', 0);
SELECT community.reverse('a', 'wrong way', -1);
SELECT replay, amount FROM community.reverse('a', 'the rest');
SELECT replay, amount FROM community.reverse('a', 'the rest');
SELECT community.reverse('a', 'after the rest', 1);
SELECT kind, revision, amount, reason FROM community.event
WHERE program_id = community.current_program() AND key = 'a' ORDER BY revision;
SELECT sum(amount) AS net, sum(engagement ORDER BY revision) AS engagement FROM community.event
WHERE program_id = community.current_program() AND key = 'a';
-- a request key makes parts safe to retry
SELECT replay FROM community.record(1, 'order', 'b', 100);
SELECT replay, amount FROM community.reverse('b', 'item 1', 10, request_key => 'refund 1');
SELECT replay, amount FROM community.reverse('b', 'item 1', 10, request_key => 'refund 1');
SELECT community.reverse('b', 'item 1', 11, request_key => 'refund 1');
SELECT community.reverse('b', 'item 2', 10, request_key => 'refund 1');
SELECT replay FROM community.record(1, 'order', 'c', 100);
SELECT community.reverse('c', 'item 1', 10, request_key => 'refund 1');
SELECT replay, amount FROM community.reverse('b', 'all', request_key => 'refund 2');
SELECT replay, amount FROM community.reverse('b', 'all', request_key => 'refund 2');
SELECT community.reverse('b', 'all', request_key => 'refund 3');
SELECT sum(amount) AS net FROM community.event WHERE program_id = community.current_program() AND key = 'b';
-- what was negative is given back
SELECT replay FROM community.record(2, 'fine', 'd', -50);
SELECT amount FROM community.reverse('d', 'partly', -20);
SELECT community.reverse('d', 'wrong way', 20);
SELECT amount FROM community.reverse('d', 'the rest');
-- nothing to take back but the deed itself
SELECT replay FROM community.record(2, 'post', 'e');
SELECT replay, amount FROM community.reverse('e', 'spam');
SELECT replay, amount FROM community.reverse('e', 'spam');
-- the very last unit
SELECT replay FROM community.record(3, 'order', 'f', 9223372036854775807);
SELECT amount FROM community.reverse('f', 'part', 9223372036854775806);
SELECT amount FROM community.reverse('f', 'last', 1);
-- a key that was reversed still names its request
SELECT replay, amount FROM community.record(1, 'order', 'a', 100);
-- what cannot be
SELECT community.reverse('nothing', 'x');
SELECT community.reverse('a', 'x', source => 'shop');
SELECT community.reverse(NULL, 'x');
SELECT community.reverse('a', NULL);
SELECT community.reverse('a', '');
SELECT community.reverse('a', 'x', occurred_at => 'infinity');
SELECT community.reverse('a', 'x', program => 987654321);
-- at the time of the event, so the score is as if it had not been
SELECT replay FROM community.record(3, 'order', 'g', 100, now() - interval '200 days');
SELECT replay FROM community.reverse('g', 'returned late');
SELECT abs(community.score_at(score, now())) < 1e-15 AS as_if_not FROM community.engagement
WHERE program_id = community.current_program() AND member_id = 3;
-- random parts: never above the whole, and exactly the whole in the end
SELECT setseed(0.42);
DO $$
DECLARE
	total bigint;
	taken numeric;
	part bigint;
BEGIN
	FOR i IN 1..50 LOOP
		total := 1 + floor(random() * 1000);
		PERFORM community.record(1, 'order', 'r' || i, total);
		taken := 0;
		WHILE taken < total LOOP
			part := 1 + floor(random() * (total - taken));
			taken := taken - (community.reverse('r' || i, 'part', part)).amount;
		END LOOP;
		IF taken <> total OR NOT (community.reverse('r' || i, 'again')).replay THEN
			RAISE EXCEPTION 'event % of % was reversed by %', i, total, taken;
		END IF;
	END LOOP;
END $$;
SELECT count(*) AS wrong FROM (SELECT key FROM community.event
	WHERE program_id = community.current_program() AND key LIKE 'r%'
	GROUP BY key HAVING sum(amount) <> 0 OR sum(engagement ORDER BY revision) <> 0) s;
SELECT count(*) AS wrong FROM community.event e JOIN community.event o
	ON o.program_id = e.program_id AND o.event_id = e.corrects
WHERE e.member_id <> o.member_id OR e.key <> o.key OR e.type <> o.type;
