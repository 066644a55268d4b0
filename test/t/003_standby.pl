# Standby.  Were this broken, a standby would show other leaders than the
# primary, would crash or hang on a write instead of refusing it, or would give
# out ids a second time after it took over.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;
use Community;
use PostgreSQL::Test::Cluster;
use Test::More;

my $primary = new_node('primary', allows_streaming => 1);
$primary->safe_psql('postgres', <<'SQL');
CREATE EXTENSION community;
SELECT community.create_program('shop');
CREATE TABLE orders (id int PRIMARY KEY, customer bigint, total bigint);
SELECT community.attach('orders', 'order', 'customer', 'total');
INSERT INTO orders SELECT i, i % 50, i FROM generate_series(1, 500) AS i;
SQL
$primary->backup('base');

my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

$primary->safe_psql('postgres', <<'SQL');
INSERT INTO orders SELECT i, i % 70, i FROM generate_series(501, 1000) AS i;
UPDATE orders SET total = 0 WHERE id % 10 = 0;
DELETE FROM orders WHERE id % 17 = 0;
SELECT community.record(5, 'post', 'k1', 3, '2024-06-01');
SELECT community.enroll(external_id => 'ann');
SELECT community.close_member(7, 'left');
INSERT INTO community.inbox (member_id, type, key) VALUES (5, 'post', 'k2');
SELECT community.accrue(5, 10, 'a' || i) FROM generate_series(1, 40) AS i;
SELECT community.redeem(5, 30, 'r1');
SELECT community.accrue(5, 1, 'tail');
SELECT community.hold(5, 50, 'h1', expires_at => 'infinity');
SELECT community.transfer(5, 6, 20, 't1');
SQL
$primary->wait_for_catchup($standby);

is_same_community(tables_of($standby, 'postgres'), tables_of($primary, 'postgres'), 'standby');
my $leaders = 'SELECT member_id FROM community.engagement ORDER BY score DESC, member_id';
foreach my $how ('on', 'off')
{
	my $sql = "SET enable_indexscan = $how; SET enable_bitmapscan = $how; SET enable_seqscan = "
	  . ($how eq 'on' ? 'off' : 'on') . "; $leaders";
	is($standby->safe_psql('postgres', $sql), $primary->safe_psql('postgres', $sql),
		"same order of scores, index scan $how");
}
my $users = q{SELECT s.* FROM community.super_users('2024-07-01', community.current_program()) AS s ORDER BY rank, member};
is($standby->safe_psql('postgres', $users), $primary->safe_psql('postgres', $users), 'same super-users');
is( $standby->safe_psql('postgres', q{SELECT community.member_id('ann') IS NOT NULL}),
	't', 'a member is found on the standby');

my $balances = q{SELECT m.member_id, b.* FROM community.member AS m, community.balance(m.member_id) AS b
	WHERE m.member_id IN (5, 6) ORDER BY 1};
is($standby->safe_psql('postgres', $balances), "5|301|0|50|0||0\n6|20|0|0|0||0", 'balances on the standby');
foreach my $view (qw(account lot liability))
{
	my $rows = "SELECT * FROM community.$view AS v ORDER BY v::text";
	is($standby->safe_psql('postgres', $rows), $primary->safe_psql('postgres', $rows), "same $view");
}

# what an event would earn: no lock, nothing written
$primary->safe_psql('postgres', <<'SQL');
INSERT INTO community.accrual_rule (program_id, name, currency_id, position, effect, points)
SELECT program_id, 'each', currency_id, 1, 'fixed', 7 FROM community.currency;
INSERT INTO community.cap (program_id, name, currency_id, maximum, period)
SELECT program_id, r.name, currency_id, r.maximum, r.period::community.period FROM community.currency,
	(VALUES ('monthly', 10, 'calendar month'), ('weekly', 9, 'rolling 7 days')) AS r (name, maximum, period);
SELECT community.record(4, 'post', 'k3', 3, '2024-06-01');
SQL
$primary->wait_for_catchup($standby);
foreach my $time ('2024-06-02', '2024-07-02')
{
	my $gains = "SELECT points, cut, cut_by FROM community.simulate(4, 'post', 3, '$time')";
	is($standby->safe_psql('postgres', $gains), $primary->safe_psql('postgres', $gains), "simulate() of $time");
	is($standby->safe_psql('postgres', $gains), $time eq '2024-06-02' ? '2|5|monthly, weekly' : '7|0|', "and its numbers of $time");
}
# what comes later is not about rules
$primary->safe_psql('postgres', q{SELECT community.close_rule('each')});
$primary->wait_for_catchup($standby);

# every writer, and what is only a replay
my %refused = (
	record => q{SELECT community.record(5, 'post', 'k9')},
	replay => q{SELECT community.record(5, 'post', 'k1', 3, '2024-06-01')},
	reverse => q{SELECT community.reverse('k1', 'spam')},
	change_rule => q{SELECT community.change_rule('each', '{"points": 8}')},
	close_rule => q{SELECT community.close_rule('each')},
	enroll => q{SELECT community.enroll(12345)},
	close_member => q{SELECT community.close_member(5, 'left')},
	attach => q{SELECT community.attach('orders', 'other', 'customer')},
	detach => q{SELECT community.detach('orders', 'order')},
	backfill => q{CALL community.backfill('orders', 'order')},
	process_inbox => q{CALL community.process_inbox()},
	create_program => q{SELECT community.create_program('other')},
	next_id => q{SELECT community.next_id()},
	accrue => q{SELECT community.accrue(5, 1, 'p1')},
	redeem => q{SELECT community.redeem(5, 1, 'p2')},
	adjust => q{SELECT community.adjust(5, -1, 'p3', 'x')},
	hold => q{SELECT community.hold(5, 1, 'p4')},
	capture => q{SELECT community.capture('h1')},
	release => q{SELECT community.release('h1')},
	transfer => q{SELECT community.transfer(5, 6, 1, 'p5')},
	take_back => q{SELECT community.reverse('r1', 'x', source => 'ledger')},
	rebuild => q{SELECT community.rebuild('engagement')},
	inbox => q{INSERT INTO community.inbox (member_id, type, key) VALUES (5, 'post', 'k3')},
	order => q{INSERT INTO orders VALUES (2000, 1, 1)});
foreach my $what (sort keys %refused)
{
	# the lock of attach() and detach() is refused before anything else
	is(sqlstate($standby, 'postgres', $refused{$what}),
		$what =~ /^(at|de)tach$/ ? '55000' : '25006', "$what is refused on a standby");
	is( sqlstate($primary, 'postgres', "BEGIN READ ONLY; $refused{$what}"),
		'25006', "$what is refused in a read-only transaction")
	  unless $what =~ /^(backfill|process_inbox)$/;
}
is($standby->safe_psql('postgres', 'SELECT 1'), '1', 'the standby is well');

my $max = $primary->safe_psql('postgres', 'SELECT max(event_id) FROM community.event');
my @events = lines_of($primary, 'postgres', 'SELECT event_id FROM community.event');
$primary->stop('immediate');
$standby->promote;
cmp_ok(
	$standby->safe_psql('postgres', q{SELECT event_id FROM community.record(5, 'post', 'k9')}),
	'>', $max, 'record() works after the promotion, with a new id');
is( $standby->safe_psql('postgres', q{SELECT replay FROM community.record(5, 'post', 'k1', 3, '2024-06-01')}),
	't', 'an event of the old primary is a replay');
$standby->safe_psql('postgres', q{
	INSERT INTO orders SELECT i, i % 6, i FROM generate_series(3001, 3100) AS i;
	CALL community.process_inbox()});
is($standby->safe_psql('postgres', 'SELECT count(*), count(DISTINCT event_id) FROM community.event'),
	join('|', (scalar(@events) + 102) x 2), 'attached tables and the inbox work, ids are distinct');
is( $standby->safe_psql('postgres', q{SELECT community.enroll(external_id => 'bob') <> community.member_id('ann')}),
	't', 'a new member gets a new id');
is($standby->safe_psql('postgres', "SELECT community.rebuild('engagement')"),
	'0', 'scores are those of the events');

is( $standby->safe_psql('postgres', q{
		SELECT replay FROM community.redeem(5, 30, 'r1');
		SELECT count(community.accrue(5, 1, 'after ' || i)) FROM generate_series(1, 40) AS i;
		SELECT points FROM community.redeem(5, 341, 'all');
		SELECT points FROM community.capture('h1');
		SELECT available, held FROM community.balance(5)}),
	"t\n40\n-341\n-50\n0|0", 'the ledger goes on where it was, and its new credits count');

$standby->stop;
done_testing();
