# Crash.  Were this broken, a server that dies would lose events whose receipts
# the application has, or a backfill that was under way would have to begin
# again, or would count orders twice when it resumes.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;
use Community;
use Test::More;
use Time::HiRes qw(usleep);

use constant ROWS => 60000;

my $node = new_node('main');
$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION community;
SELECT community.create_program('shop');
CREATE TABLE orders (id int PRIMARY KEY, customer int, total numeric(12,2), at timestamptz);
INSERT INTO orders SELECT i, 1 + i % 1000, i * 0.01, '2024-01-01'::timestamptz + i * interval '1 minute'
	FROM generate_series(1, @{[ROWS]}) AS i;
SELECT community.attach('orders', 'order', 'customer', 'total', 'at');
SELECT community.enroll(5000, joined_at => '2024-01-01');
SELECT community.enroll(5001, joined_at => '2024-01-01');
CHECKPOINT;
SQL

# One session fills, another records single events and tells of each.
my $fill = psql_start($node, 'postgres', 'fill',
	"CALL community.backfill('orders', 'order', batch_size => 500);\n");
my $record = psql_start($node, 'postgres', 'record',
	join('', map { "SELECT amount FROM community.record(5000, 'post', 'k$_', $_);\n" } 1 .. 100000));

# Two more give points and spend them; tails grow long and are folded all the time.
my $give = psql_start($node, 'postgres', 'give',
	join('', map { "SELECT points FROM community.accrue(5001, $_, 'g$_');\n" } 1 .. 100000));
my $spend = psql_start($node, 'postgres', 'spend',
	join('', map { "SELECT points FROM community.redeem(5001, 1, 's$_');\nSELECT pg_sleep(0.02);\n" } 1 .. 100000));

my $job = 'SELECT status, done FROM community.job';
my ($status, $done) = ('', 0);
foreach my $try (1 .. 1200)
{
	($status, $done) = split /\|/, $node->safe_psql('postgres', $job) || '|0';
	last if $status eq 'done' || ($done >= 10000 && psql_output('record') =~ /^100$/m);
	usleep(50_000);
}
is($status, 'running', 'the job is seen running');
cmp_ok($done, '<', ROWS, 'the backfill is under way');
is(sqlstate($node, 'postgres', "CALL community.backfill('orders', 'order')"),
	'55006', 'a second backfill is refused meanwhile');

$node->stop('immediate');
eval { $_->finish } foreach ($fill, $record, $give, $spend);
$node->start;

($status, $done) = split /\|/, $node->safe_psql('postgres', $job);
is($status, 'interrupted', 'after the crash the job shows as interrupted');
cmp_ok($done, '>=', 10000, 'what was done is known');
cmp_ok($done, '<', ROWS, 'and is not all');
is($node->safe_psql('postgres', q{SELECT count(*) FROM community.event WHERE type = 'order'}),
	$done, 'exactly the rows that the job counts are recorded');

# What was acknowledged is there; at most one more, whose answer was on its way.
my @acknowledged = grep { /^\d+$/ } split /\n/, psql_output('record');
cmp_ok(scalar @acknowledged, '>=', 100, 'events were acknowledged before the crash');
my ($kept, $highest) = split /\|/,
  $node->safe_psql('postgres', q{SELECT count(*), max(amount) FROM community.event WHERE type = 'post'});
cmp_ok($kept, '>=', $acknowledged[-1], 'no acknowledged event is lost');
cmp_ok($kept, '<=', $acknowledged[-1] + 1, 'no event is there that nobody sent');
is($highest, $kept, 'no event is missing in between');

# The same calls again: replays, then new ones.
is( $node->safe_psql('postgres',
		qq{SELECT replay FROM community.record(5000, 'post', 'k$kept', $kept);
		SELECT replay FROM community.record(5000, 'post', 'k} . ($kept + 1) . q{', 1);}),
	"t\nf", 'the last event is a replay, the next is new');

# Points: nothing acknowledged is lost, nothing counts twice, folded or not.
my @given = grep { /^\d+$/ } split /\n/, psql_output('give');
my @spent = grep { /^-1$/ } split /\n/, psql_output('spend');
cmp_ok(scalar @given, '>=', 100, 'points were given before the crash');
cmp_ok(scalar @spent, '>=', 1, 'and spent');
my $books = q{SELECT count(*) FILTER (WHERE kind = 'accrue'), coalesce(max(points), 0),
	count(*) FILTER (WHERE kind = 'redeem'), sum(points) FROM community.entry WHERE member_id = 5001};
my ($credits, $largest, $debits, $sum) = split /\|/, $node->safe_psql('postgres', $books);
cmp_ok($credits, '>=', scalar @given, 'no acknowledged credit is lost');
cmp_ok($credits, '<=', @given + 1, 'no credit is there that nobody sent');
is($largest, $credits, 'no credit is missing in between');
cmp_ok($debits, '>=', scalar @spent, 'no acknowledged debit is lost');
cmp_ok($debits, '<=', @spent + 1, 'no debit is there that nobody sent');
is($node->safe_psql('postgres', 'SELECT cardinality(folded_to) > 0 FROM community.account_fold WHERE member_id = 5001'),
	't', 'the account was folded before the crash');
is($node->safe_psql('postgres', 'SELECT available FROM community.balance(5001)'),
	$sum, 'the balance is the sum of the entries');
is( $node->safe_psql('postgres',
		qq{SELECT replay FROM community.accrue(5001, $credits, 'g$credits');
		SELECT replay FROM community.redeem(5001, 1, 's$debits');
		SELECT count(community.accrue(5001, 1, 'after ' || i)) FROM generate_series(1, 40) AS i;
		SELECT points FROM community.redeem(5001, $sum + 40, 'all');
		SELECT available, deficit FROM community.balance(5001)}),
	"t\nt\n40\n-@{[$sum + 40]}\n0|0", 'retries are replays, and every point can be spent once');

# Orders change while the job lies still.
$node->safe_psql('postgres', q{
	UPDATE orders SET total = total + 1 WHERE id IN (1, 2, 59999);
	DELETE FROM orders WHERE id IN (3, 60000);
	INSERT INTO orders VALUES (0, 5, 7, '2024-01-01'), (300000, 6, 8, '2024-01-01')});

my ($rc, $out, $err) = $node->psql('postgres', "CALL community.backfill('orders', 'order')");
is($rc, 0, 'the backfill is called again');
like($err, qr/NOTICE:.*resumes after $done rows/, 'and says where it resumes');
is($node->safe_psql('postgres', 'SELECT DISTINCT status, done FROM community.job'),
	'done|' . ROWS, 'the job is done');
is( $node->safe_psql('postgres', q{
		WITH e AS (SELECT key, member_id, sum(amount)::bigint AS amount FROM community.event
				WHERE type = 'order' GROUP BY 1, 2
				HAVING sum(CASE kind WHEN 'record' THEN 1 WHEN 'adjust' THEN 0 ELSE -1 END) > 0),
			o AS (SELECT id::text, customer::bigint, (total * 100)::bigint FROM orders)
		SELECT count(*) FROM ((TABLE e EXCEPT ALL TABLE o) UNION ALL (TABLE o EXCEPT ALL TABLE e)) AS d}),
	'0', 'events agree with the orders, one by one');
is($node->safe_psql('postgres', "SELECT community.rebuild('engagement')"),
	'0', 'scores are those of the events');
($rc, $out, $err) = $node->psql('postgres', "CALL community.backfill('orders', 'order')");
is( $node->safe_psql('postgres', q{SELECT count(*) FROM community.event WHERE type = 'order' AND kind = 'record'}),
	ROWS + 1, 'a further backfill counts nothing twice');

$node->stop;
done_testing();
