-- If this fails, measures of a community are taken from events that count no more,
-- from another program, from outside of the window, or without the right to read.
SET search_path = public, community;
SET client_min_messages = warning;
SELECT create_program('score_interaction') AS program \gset
SELECT create_program('score_interaction_other') AS other \gset
SET community.program = 'score_interaction';
SELECT count(enroll(i)) FROM generate_series(1, 9) AS i;
SELECT count(enroll(i, program => :other)) FROM generate_series(1, 3) AS i;
-- member, target, day; 5 and 6 are one person
CREATE TEMP TABLE said (id int, member bigint, target bigint, day int, type text);
INSERT INTO said VALUES (1, 1, 2, 1, 'thanks'), (2, 1, 2, 2, 'thanks'), (3, 2, 3, 3, 'answer'), (4, 3, 1, 4, 'thanks'), (5, 4, 1, 5, 'thanks'),
	(6, 5, 6, 6, 'thanks'), (7, 5, 1, 7, 'answer'), (8, 7, 6, 8, 'thanks'), (9, 8, 8, 9, 'thanks'), (10, 9, 1, 10, 'thanks'), (11, 2, 1, 11, 'order');
SELECT count(record(member, type, id::text, CASE WHEN type = 'order' THEN 100 ELSE 0 END, timestamptz '2024-01-01 12:00+00' + day * interval '1 day', target => target)) FROM said;
-- neither an event without a target nor one of another program is an interaction
SELECT count(record(1, 'visit', 'alone')), count(record(1, 'thanks', 'there', 0, '2024-03-01 12:00+00', target => 2, program => :other));
-- taken back; half taken back; merged
SELECT count(reverse('10', 'mistake')), count(reverse('11', 'half', 50));
SELECT count(merge_members(6, 5, 'one person'));
SELECT program_id = :program AS here, source_id, target_id, type, occurred_at AT TIME ZONE 'UTC' AS occurred_at FROM interaction
WHERE program_id IN (:program, :other) ORDER BY program_id <> :program, occurred_at;

-- what counts is what a query by hand counts
SELECT * FROM degrees();
SELECT max(abs(a.score - b.score)) < 1e-15 AS rank, count(*) FROM pagerank() AS a
	JOIN pagerank('SELECT CASE member WHEN 6 THEN 5 ELSE member END, CASE target WHEN 6 THEN 5 ELSE target END FROM said WHERE id NOT IN (6, 9, 10)') AS b USING (node_id);
-- a window begins after its beginning and holds its end
SELECT (SELECT count(*) FROM degrees(since => '2024-01-02 12:00+00')) AS nodes, (SELECT sum(out_degree) FROM degrees(since => '2024-01-02 12:00+00')) AS since,
	(SELECT sum(out_degree) FROM degrees(until => '2024-01-05 12:00+00')) AS until,
	(SELECT sum(out_degree) FROM degrees(since => '2024-01-02 12:00+00', until => '2024-01-05 12:00+00')) AS between, (SELECT count(*) FROM pagerank(since => 'infinity')) AS none;
SELECT (SELECT count(*) FROM pagerank(program => :other)) AS other, (SELECT max(core) FROM core_numbers()) AS core, (SELECT max(score) FROM betweenness_sample()) AS between,
	(SELECT count(score) FROM constraint_scores()) AS constraint, round(reciprocity()::numeric, 6) AS reciprocity, round(density()::numeric, 6) AS density, graph_figures();
SELECT node_id, round(score::numeric, 6) AS score FROM pagerank(seeds => '{3}', since => '2024-01-02 12:00+00') ORDER BY 2 DESC LIMIT 3;
-- weights by type, and members without interactions
SELECT node_id, strength FROM degrees(format('SELECT m.member_id, i.target_id, CASE type WHEN ''answer'' THEN 3 ELSE 1 END FROM member AS m
	LEFT JOIN interaction AS i ON i.program_id = m.program_id AND i.source_id = m.member_id WHERE m.program_id = %s', :program)) ORDER BY 1;
SET community.program = 'score_interaction_other';
SELECT node_id, degree FROM degrees();

-- An analyst may, somebody else may not
CREATE ROLE regress_graph_analyst;
CREATE ROLE regress_graph_stranger;
SELECT grant_analyst('regress_graph_analyst');
GRANT USAGE ON SCHEMA community TO regress_graph_stranger;
SET ROLE regress_graph_analyst;
SELECT count(*) FROM pagerank();
SET ROLE regress_graph_stranger;
SELECT count(*) FROM pagerank();
SELECT count(*) FROM pagerank('TABLE interaction');
RESET ROLE;
DROP OWNED BY regress_graph_analyst, regress_graph_stranger;
DROP ROLE regress_graph_analyst, regress_graph_stranger;
