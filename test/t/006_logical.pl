# Logical replication.  Were this broken, a copy of the tables for reporting
# would differ from the original, or its apply worker would stop at a guard.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;
use Community;
use Test::More;

my $publisher = new_node('publisher', allows_streaming => 'logical');
my $subscriber = new_node('subscriber');
$publisher->safe_psql('postgres', <<'SQL');
CREATE EXTENSION community;
SELECT community.create_program('shop');
CREATE TABLE orders (id int PRIMARY KEY, customer bigint, total bigint);
SELECT community.attach('orders', 'order', 'customer', 'total');
INSERT INTO orders SELECT i, i % 20, i FROM generate_series(1, 200) AS i;
SQL
# attachments name tables by OID, and the version is each server's own
$publisher->safe_psql('postgres', q{DO $$ BEGIN EXECUTE (
	SELECT 'CREATE PUBLICATION community FOR TABLE ' || string_agg(oid::regclass::text, ', ') FROM pg_class
	WHERE relnamespace = 'community'::regnamespace AND relkind IN ('r', 'p')
		AND relname NOT IN ('installation', 'attachment')); END $$});
$subscriber->safe_psql('postgres', q{CREATE EXTENSION community; SELECT community.install_tables()});
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION community CONNECTION '"
	  . $publisher->connstr . " dbname=postgres' PUBLICATION community");
$subscriber->wait_for_subscription_sync($publisher, 'community');

$publisher->safe_psql('postgres', <<'SQL');
INSERT INTO orders SELECT i, i % 30, i FROM generate_series(201, 400) AS i;
UPDATE orders SET total = total + 1 WHERE id % 3 = 0;
DELETE FROM orders WHERE id % 7 = 0;
SELECT community.record(5, 'post', 'k1', 3, '2024-06-01');
SELECT community.reverse('k1', 'spam', 1, request_key => 'r1');
SELECT community.enroll(external_id => 'ann', attributes => '{"a": 1}');
SELECT community.close_member(7, 'left');
INSERT INTO community.inbox (member_id, type, key) VALUES (5, 'post', 'k2'), (999, 'post', 'k3');
CALL community.process_inbox();
INSERT INTO community.inbox (member_id, type, key) VALUES (5, 'post', 'k4');
SQL
$publisher->wait_for_catchup('community');

my ($copy, $original) = map { tables_of($_, 'postgres') } ($subscriber, $publisher);
delete $_->{installation}, delete $_->{attachment} foreach ($copy, $original);
is_same_community($copy, $original, 'subscriber');
my $leaders = 'SELECT member_id FROM community.engagement ORDER BY score DESC, member_id';
is($subscriber->safe_psql('postgres', $leaders), $publisher->safe_psql('postgres', $leaders), 'same order of scores');
is($subscriber->safe_psql('postgres', "SELECT community.rebuild('engagement')"), '0', 'scores are those of the events');
is(sqlstate($subscriber, 'postgres', 'DELETE FROM community.event'), 'CM007', 'events are append-only there too');

$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION community');
$subscriber->stop;
$publisher->stop;
done_testing();
