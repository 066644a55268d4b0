# Logical replication.  Were this broken, a copy of the tables for reporting
# would differ from the original, its apply worker would stop at a guard, or a
# subscriber that takes over would draw ids a second time, count orders twice or
# lose points below a mark.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;
use Community;
use Moves;
use PostgreSQL::Test::Utils;
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

# ---- the subscriber takes over, where attachments were not replicated
$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION community');
like($subscriber->safe_psql('postgres', 'SELECT DISTINCT rule FROM community.check_installation() ORDER BY 1'),
	qr/^sequence$/m, 'sequences do not come along, and the check says so');
my $last = $publisher->safe_psql('postgres', 'SELECT last_value FROM community.id_sequence');
is($subscriber->safe_psql('postgres', 'SELECT community.advance_ids()'), $last, 'ids go on where they were');
is($subscriber->safe_psql('postgres', 'SELECT community.advance_ids(); SELECT last_value FROM community.id_sequence'),
	"$last\n$last", 'which again changes nothing');
$subscriber->safe_psql('postgres', "SELECT setval('community.id_sequence', $last + 1000)");
is($subscriber->safe_psql('postgres', 'SELECT community.advance_ids()'), $last + 1000, 'ids are never taken back');
is($subscriber->safe_psql('postgres', 'SELECT * FROM community.check_installation(\'full\')'), '', 'the books agree');
my $orders = 'CREATE TABLE orders (id int PRIMARY KEY, customer bigint, total bigint)';
my $rows = $publisher->safe_psql('postgres', q{SELECT string_agg(format('(%s, %s, %s)', id, customer, total), ', ') FROM orders});
my $events = 'SELECT count(*), count(DISTINCT event_id), sum(amount) FROM community.event';
my $before = $subscriber->safe_psql('postgres', $events);
$subscriber->safe_psql('postgres', qq{$orders; INSERT INTO orders VALUES $rows;
	SELECT community.attach('orders', 'order', 'customer', 'total'); CALL community.backfill('orders', 'order')});
is($subscriber->safe_psql('postgres', $events), $before, 'orders that are attached anew do not count twice');
is( $subscriber->safe_psql('postgres', q{INSERT INTO orders VALUES (9001, 1, 5);
		SELECT kind, amount FROM community.event ORDER BY event_id DESC LIMIT 1}),
	'record|5', 'and new ones count');
is($subscriber->safe_psql('postgres', 'SELECT * FROM community.check_installation(\'full\')'), '', 'the books agree afterwards');

# ---- another takes over everything, with attachments, after the publisher is lost
my $dir = $PostgreSQL::Test::Utils::tmp_check;
make_roles($_) foreach ($publisher, $subscriber);
make_full_database($publisher, 'full');
$publisher->command_ok([ 'pg_dump', '--schema-only', '-d', $publisher->connstr('full'), '-f', "$dir/schema.sql" ], 'pg_dump --schema-only');
$subscriber->safe_psql('postgres', 'CREATE DATABASE "full"');
ok(psql_file($subscriber, 'full', "$dir/schema.sql"), 'the tables, theirs and ours, with rights and triggers');
$publisher->safe_psql('full', 'CREATE PUBLICATION everything FOR ALL TABLES');
$subscriber->safe_psql('full', "CREATE SUBSCRIPTION everything CONNECTION '"
	  . $publisher->connstr . " dbname=full' PUBLICATION everything");
$subscriber->wait_for_subscription_sync($publisher, 'everything', 'full');
$publisher->safe_psql('full', <<'SQL');
SET community.program = 'shop';
SELECT community.record(8, 'order', 'there', 500), community.reverse('e52', 'returned'), community.enroll(143, sponsor => 20),
	community.accrue(103, 9, 'there', 'credit'), community.redeem(103, 4, 'there too', 'credit'), community.close_member(117, 'left');
INSERT INTO store.orders VALUES (8001, 8, 12, '2025-11-01');
UPDATE store.orders SET total = total + 1 WHERE id = 7;
DELETE FROM store.visit WHERE id = 7;
CALL community.refresh_scores('vip');
CALL community.run_maintenance();
SELECT count(community.next_id()) FROM generate_series(1, 50);
SQL
$publisher->wait_for_catchup('everything');
is_same_picture(picture_of($subscriber, 'full'), picture_of($publisher, 'full'), 'everything', 'sequence');
$publisher->stop('immediate');
$subscriber->safe_psql('full', $_) foreach ('ALTER SUBSCRIPTION everything DISABLE',
	'ALTER SUBSCRIPTION everything SET (slot_name = NONE)', 'DROP SUBSCRIPTION everything');
like($subscriber->safe_psql('full', 'SELECT DISTINCT rule FROM community.check_installation() ORDER BY 1'),
	qr/^mark\nsequence$/m, 'before ids are advanced the check warns of marks, too');
$subscriber->safe_psql('full', 'SET SESSION AUTHORIZATION keeper; SELECT community.advance_ids()');
is_at_work($subscriber, 'full', 'subscriber that took over');

# each kind of id counts: were one of them the highest, the sequence would go there
my @id = lines_of($subscriber, 'full', q{
	SELECT c.oid::regclass || '.' || a.attname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
	JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
	WHERE c.relnamespace = 'community'::regnamespace AND pg_get_expr(d.adbin, d.adrelid) = 'community.next_id()' ORDER BY 1});
cmp_ok(scalar @id, '>', 30, 'tables have ids');
my ($sql, $expected, $high) = ("SET session_replication_role = replica;\n", '', 1_000_000);
foreach (@id, map { "community.$_" } qw(entry.entry_id envelope.envelope_id benefit_allowance.allowance_id
	ladder_version.version_id inbox_fault.inbox_id account_fold.folded_to maintenance.done_to member.member_id))
{
	my ($table, $column) = /^(.*)\.(.*)$/ or die;
	$high += 1000;
	my $value = /folded_to|done_to/ ? "ARRAY[$high]" : /member_id/ ? 1_000_000_000_000_000 + $high : $high;
	my $where = /member_id/ ? 'WHERE external_id IS NOT NULL' : '';
	# work has emptied two tables
	$sql .= qq{BEGIN;
		INSERT INTO community.standing_touch (program_id, member_id) SELECT program_id, 4 FROM community.program WHERE name = 'shop';
		INSERT INTO community.inbox (program_id, member_id, type, key) SELECT program_id, 4, 'post', 'last' FROM community.program WHERE name = 'shop';
		UPDATE $table SET $column = $value WHERE ctid = (SELECT min(ctid) FROM $table $where);
		SELECT '$table.$column ' || community.advance_ids() - $high;
		ROLLBACK;\n};
	$expected .= "$table.$column 0\n";
}
chomp $expected;
is($subscriber->safe_psql('full', $sql), $expected, 'ids of every kind are looked at');
$subscriber->stop;
done_testing();
