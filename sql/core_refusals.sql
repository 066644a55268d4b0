-- If this failed, a server without programs, with damaged tables or as a node of
-- several would get ids twice, or errors that do not say what to do.
SET client_min_messages = warning;
SELECT current_database() AS here \gset
CREATE DATABASE core_refusals;
\c core_refusals
SET client_min_messages = warning;
\set SHOW_CONTEXT never
CREATE EXTENSION community;
SELECT community.next_id();
SELECT community.current_program();
SELECT community.install_tables();
SELECT community.current_program();
SELECT community.create_program('first') > 0 AS created;
SELECT community.enroll(1) = 1 AS enrolled;
-- a node of several has ids of its own
CREATE FUNCTION id_group(OUT "group" bigint, OUT distinct_ids boolean) LANGUAGE sql AS $$
	SELECT max(id) >> 48, count(DISTINCT id) = 100 FROM (SELECT community.next_id() AS id FROM generate_series(1, 100)) AS x
$$;
SELECT * FROM id_group();
BEGIN;
SET LOCAL allow_system_table_mods = on;
CREATE TABLE pg_catalog.pg_dist_local_group (groupid int);
SELECT * FROM id_group();
INSERT INTO pg_catalog.pg_dist_local_group VALUES (5);
SELECT * FROM id_group();
SELECT (community.record(1, 'order', 'a')).event_id >> 48 AS "group";
SELECT replay FROM community.record(1, 'order', 'a');
ROLLBACK;
SELECT * FROM id_group();
SELECT replay FROM community.record(1, 'order', 'a');
-- the row that says which tables these are
BEGIN;
SET LOCAL session_replication_role = replica;
DELETE FROM community.installation;
SELECT community.enroll(2);
ROLLBACK;
SELECT community.enroll(2) = 2 AS enrolled;
-- a place in the forest that nobody took by enrolling
BEGIN;
SET LOCAL session_replication_role = replica;
INSERT INTO community.referral (program_id, member_id, enroller_id, sponsor_id, joined_at, depth)
VALUES (community.current_program(), 3, 1, 1, '2024-01-01', 1);
SET LOCAL session_replication_role = origin;
SELECT community.enroll(3, sponsor => 1);
ROLLBACK;
SELECT community.enroll(3, sponsor => 1) = 3 AS enrolled;
-- attached tables outlive the extension, and whatever was kept of them is forgotten
CREATE TABLE orders (id int PRIMARY KEY, who bigint);
SELECT community.attach('orders', 'order', 'who') > 0 AS attached;
INSERT INTO orders VALUES (1, 1);
BEGIN;
DROP SCHEMA community CASCADE;
INSERT INTO orders VALUES (2, 1);
ALTER TABLE orders ADD note text;
ROLLBACK;
\set VERBOSITY terse
DROP EXTENSION community;
\set VERBOSITY default
BEGIN;
DROP EXTENSION community CASCADE;
INSERT INTO orders VALUES (2, 1);
CREATE TABLE orders_2 (id int);
ALTER TABLE orders ADD note text;
DROP TABLE orders_2;
ROLLBACK;
INSERT INTO orders VALUES (2, 1);
SELECT key FROM community.event WHERE type = 'order' ORDER BY key;
\c :here
DROP DATABASE core_refusals;
