-- If this failed, a drawn tree would show other members, tiers or volumes than
-- there are, hide how much it leaves out, or let a name break its lines or the
-- syntax of Graphviz or Mermaid.
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SELECT community.create_program('referral drawing') > 0 AS created;
SET community.program = 'referral drawing';
CREATE FUNCTION pg_temp.error_of(sql text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE sql;
	RETURN 'none';
EXCEPTION WHEN OTHERS THEN
	RETURN sqlstate || ' ' || sqlerrm;
END $$;
-- anna brought bob, carl and dora; bob brought eve and fritz, eve gina, gina hans
SELECT count(community.enroll(m, sponsor => s, external_id => n, joined_at => '2024-01-01'))
FROM (VALUES (1, NULL, 'anna'), (2, 1, 'bob'), (3, 1, 'carl'), (4, 1, 'dora'), (5, 2, 'eve'), (6, 2, 'fritz'), (7, 5, 'gina'), (8, 7, 'hans')) AS x (m, s, n);
INSERT INTO community.activity_type (program_id, type, revenue) VALUES (community.current_program(), 'vote', false);
SELECT count(event_id) FROM (VALUES (1, 120000, 'order'), (2, 30050, 'order'), (3, 8000, 'order'), (5, 100, 'order'), (5, 700, 'vote'), (7, 99, 'order'), (8, -150, 'order'), (4, 1, 'order')) AS x (m, a, t),
	LATERAL community.record(m, t, 'drawing ' || m || t, a, occurred_at => '2024-02-01');
SELECT line FROM community.referral_tree(1) AS line;
-- deep and wide
SELECT line FROM community.referral_tree(1, 10) AS line;
SELECT line FROM community.referral_tree(1, 0) AS line;
SELECT line FROM community.referral_tree(1, depth => 1, width => 1) AS line;
SELECT line FROM community.referral_tree(1, depth => 1, width => 2) AS line;
SELECT line FROM community.referral_tree(8) AS line;
SELECT line FROM community.referral_tree(1, charset => 'ascii') AS line;
-- by the client's encoding, unless it is named
BEGIN;
SET LOCAL client_encoding = 'LATIN1';
SELECT line FROM community.referral_tree(5) AS line;
ROLLBACK;
-- taken back and corrected: net of it; nothing that is yet to come
SELECT count(*) FROM community.reverse('drawing 3order', 'returned', 3000);
SELECT count(*) FROM community.record(3, 'order', 'drawing tonight', 777, occurred_at => now() + interval '12 hours');
SELECT line FROM community.referral_tree(3) AS line;
SELECT line FROM community.referral_tree(1, 1, as_of => '2024-01-31') AS line;
-- thirty-nine more below carl: the largest come first, the rest is one line
SELECT count(community.enroll(100 + i, sponsor => 3, joined_at => '2024-01-02')) FROM generate_series(1, 39) AS i;
SELECT count(community.record(100 + i, 'order', 'drawing ' || 100 + i, i * 100, occurred_at => '2024-02-01')) FROM generate_series(1, 39) AS i;
SELECT line FROM community.referral_tree(3, width => 2) AS line;
SELECT count(*), min(line) FILTER (WHERE line ~ 'more') FROM community.referral_tree(3, width => 37) AS line;
-- a last line that says one more is as long as the one it stands for
SELECT count(*), min(line) FILTER (WHERE line ~ 'more') FROM community.referral_tree(3, width => 38) AS line;
SELECT count(*), min(line) FILTER (WHERE line ~ 'more') FROM community.referral_tree(3, width => NULL) AS line;
SELECT count(*), min(line) FILTER (WHERE line ~ 'more') FROM community.referral_tree(3) AS line;

-- tiers: of the first ladder, or of one that is named
INSERT INTO community.measure (program_id, name, kind, types) VALUES (community.current_program(), 'spend', 'sum', '{order}');
INSERT INTO community.ladder (program_id, name) SELECT community.current_program(), n FROM unnest(ARRAY['status', 'other']) WITH ORDINALITY AS l (n, o) ORDER BY o;
SELECT line FROM community.referral_tree(5) AS line;
INSERT INTO community.tier (program_id, ladder_id, rank, name) SELECT l.program_id, l.ladder_id, t.rank, t.name FROM community.ladder AS l
JOIN (VALUES ('status', 1, 'silver'), ('status', 2, 'gold'), ('other', 1, 'one')) AS t (ladder, rank, name) ON t.ladder = l.name WHERE l.program_id = community.current_program();
INSERT INTO community.tier_requirement (program_id, ladder_id, rank, position, measure_id, period, attain)
SELECT l.program_id, l.ladder_id, t.rank, 1, m.measure_id, 'lifetime', t.attain FROM community.ladder AS l JOIN (VALUES ('status', 1, 5000), ('status', 2, 100000), ('other', 1, 100)) AS t (ladder, rank, attain) ON t.ladder = l.name
JOIN community.measure AS m ON m.program_id = l.program_id WHERE l.program_id = community.current_program();
SELECT count(p.members) FROM unnest(ARRAY['status', 'other']) AS n, community.publish_ladder(n, '-infinity') AS p;
SELECT line FROM community.referral_tree(1, 2, 1) AS line;
-- the drawing of doc/referral.md
SELECT line FROM community.referral_tree(1, depth => 2, width => 2) AS line;
SELECT line FROM community.referral_tree(5, ladder => 'other') AS line;
SELECT pg_temp.error_of($$SELECT community.referral_tree(5, ladder => 'none')$$);
-- who has left is still there
SELECT community.close_member(7, 'left');
SELECT line FROM community.referral_tree(5) AS line;

-- the same as graphs
SELECT community.referral_graph(1, 2, width => 2) \g (format=unaligned tuples_only)
SELECT community.referral_graph(1, 2, 'mermaid', width => 2) \g (format=unaligned tuples_only)
SELECT community.referral_graph(8) \g (format=unaligned tuples_only)
-- ids of any sign name their nodes
SELECT community.enroll(-7, sponsor => -9223372036854775808) FROM community.enroll(-9223372036854775808);
SELECT community.referral_graph(-9223372036854775808) \g (format=unaligned tuples_only)
SELECT community.referral_graph(-9223372036854775808, format => 'mermaid') \g (format=unaligned tuples_only)

-- names that are not meant well
SELECT count(community.enroll(200 + o, sponsor => nullif(199 + o, 200), external_id => n)) FROM unnest(ARRAY[E'a "quoted" \\ name', E'two\nlines\tand\x1b[31m red', '<b>&amp;</b> & "; drop', E'm1 --> m2\\', 'style: #quot;x#35;', '%%{init: {}}%%', '1. list', '- list',
	U&'\4E2D\6587 \00E9\0085\202Eevil\2028', '`md`', E'end\\n\\l', '[x](y){z}|w|']) WITH ORDINALITY AS x (n, o);
SELECT line FROM community.referral_tree(201, 20) AS line;
SELECT community.referral_graph(201, 20) \g (format=unaligned tuples_only)
SELECT community.referral_graph(201, 20, 'mermaid') \g (format=unaligned tuples_only)

-- what is refused
SELECT pg_temp.error_of(q) FROM (VALUES ('SELECT community.referral_tree(404)'), ('SELECT community.referral_graph(404)'), ('SELECT community.referral_tree(1, -1)'), ('SELECT community.referral_tree(1, 1001)'),
	('SELECT community.referral_tree(1, width => 0)'), ('SELECT community.referral_tree(1, NULL)'), ('SELECT community.referral_tree(NULL)'), ($$SELECT community.referral_tree(1, charset => 'latin1')$$),
	($$SELECT community.referral_graph(1, format => 'svg')$$), ('SELECT community.referral_graph(1, format => NULL)'), ('SELECT community.referral_graph(1, 1, width => -1)'), ('SELECT community.referral_tree(1, program => 404)')) AS x (q);
-- sums that are beyond a bigint are no sums
SELECT count(*) FROM community.record(8, 'order', 'drawing most', 9223372036854775000) AS a, community.record(6, 'order', 'drawing more', 1000) AS b;
SELECT pg_temp.error_of('SELECT community.referral_tree(1)');
