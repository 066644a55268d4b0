# Versions, and dropping and creating again.  Were this broken, a library would
# work on tables that it does not understand, or a session that has seen the
# extension dropped and created again would crash or use what is gone.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;
use Community;
use Test::More;

my $node = new_node('main');
my $setup = <<'SQL';
SET client_min_messages = warning;
CREATE EXTENSION community;
SELECT community.create_program('shop', half_life => '30 days');
CREATE TABLE orders (id int PRIMARY KEY, customer bigint, total numeric(12,2), at timestamptz);
SELECT community.attach('orders', 'order', 'customer', 'total', 'at');
INSERT INTO orders SELECT i, i % 20, i, '2024-01-01'::timestamptz + i * interval '5 hours' FROM generate_series(1, 300) AS i;
UPDATE orders SET total = total + 1 WHERE id % 3 = 0;
DELETE FROM orders WHERE id % 10 = 0;
SELECT community.record(5, 'post', 'k1', 3, '2024-06-01');
SELECT community.close_member(7, 'left');
SQL
$node->safe_psql('postgres', $setup);

# ---- tables of another version
my $before = tables_of($node, 'postgres');
my $needed = $node->safe_psql('postgres', 'SELECT tables_version FROM community.installation');
my @calls = (
	q{SELECT community.record(5, 'post', 'k2')},
	q{SELECT community.reverse('k1', 'spam')},
	q{SELECT community.enroll(500)},
	q{SELECT community.current_program()},
	q{INSERT INTO orders VALUES (900, 1, 1, '2024-01-01')},
	q{CALL community.process_inbox(program => 1)},
	q{CALL community.backfill('orders', 'order', program => 1)},
	q{SELECT community.rebuild('engagement', 1)});
foreach my $other ($needed - 1, $needed + 1)
{
	$node->safe_psql('postgres', "UPDATE community.installation SET tables_version = $other");
	foreach my $call (@calls)
	{
		is(sqlstate($node, 'postgres', $call), 'CM010', "tables of version $other: $call");
	}
	my ($rc, $out, $err) = $node->psql('postgres', $calls[0]);
	like($err, qr/tables of community have version $other, library \S+ needs version $needed/,
		'the message names both versions');
	like($err, $other < $needed ? qr/HINT:.*install_tables\(\)/ : qr/HINT:  Install the package/,
		'the hint says what to do');
}
is(sqlstate($node, 'postgres', 'SELECT community.install_tables()'), 'CM010',
	'newer tables are not taken back');
$node->safe_psql('postgres', "UPDATE community.installation SET tables_version = $needed");
is_same_community(tables_of($node, 'postgres'), $before, 'after the refusals');
$node->safe_psql('postgres', 'UPDATE community.installation SET tables_version = ' . ($needed - 1));
like($node->safe_psql('postgres', 'SELECT community.install_tables()'), qr/migrated/, 'older tables are migrated');
is(sqlstate($node, 'postgres', $calls[0]), 'ok', 'and then all works');

# ---- idempotent
$before = tables_of($node, 'postgres');
my $shape = q{SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)
	FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
	LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
	WHERE c.relnamespace = 'community'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'i')
	UNION ALL SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), true, NULL FROM pg_trigger
		WHERE NOT tgisinternal AND tgrelid <> 'orders'::regclass
	UNION ALL SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), true, NULL FROM pg_constraint
		WHERE connamespace = 'community'::regnamespace AND contype <> 'n'
	ORDER BY 1, 2, 3};
my $shape_before = $node->safe_psql('postgres', $shape);
like($node->safe_psql('postgres', 'SELECT community.install_tables()'), qr/in place/, 'install_tables() again');
is($node->safe_psql('postgres', $shape), $shape_before, 'the same tables');
is_same_community(tables_of($node, 'postgres'), $before, 'the same rows');

# ---- the extension is dropped and created again, in one session
my $scores = 'SELECT member_id, community.score_at(score, \'2024-07-01\') FROM community.engagement ORDER BY 1';
my @old_scores = lines_of($node, 'postgres', $scores);
my $out = $node->safe_psql('postgres', <<'SQL');
SET client_min_messages = warning;
SELECT replay FROM community.record(5, 'post', 'k1', 3, '2024-06-01');
INSERT INTO orders VALUES (1000, 5, 1, '2024-06-01');
DROP EXTENSION community CASCADE;
INSERT INTO orders VALUES (1001, 5, 2, '2024-06-01');
CREATE EXTENSION community;
SELECT community.install_tables();
SELECT replay FROM community.record(5, 'post', 'k1', 3, '2024-06-01');
SELECT replay FROM community.record(5, 'post', 'k3', 3, '2024-06-01');
SELECT replay FROM community.reverse('k3', 'spam');
SELECT community.attach('orders', 'order', 'customer', 'total', 'at') > 0;
INSERT INTO orders VALUES (1002, 5, 4, '2024-06-01');
CALL community.backfill('orders', 'order');
SELECT key, amount FROM community.event WHERE length(key) = 4 ORDER BY key;
SELECT count(DISTINCT source) FROM community.attachment;
SQL
like($out, qr/^t\ntables of version $needed are in place\nt\nf\nf\nt\n1000\|100\n1001\|200\n1002\|400\n1$/,
	'one session goes through drop and create');
is($node->safe_psql('postgres', $shape), $shape_before, 'the tables are what they were');
is(sqlstate($node, 'postgres', "DELETE FROM orders WHERE id > 999"), 'ok', 'triggers follow the orders again');
my @new_scores = lines_of($node, 'postgres', $scores);
is(scalar @new_scores, scalar @old_scores, 'every member has a score again');
my $worst = 0;
foreach my $i (0 .. $#old_scores)
{
	my ($member, $old) = split /\|/, $old_scores[$i];
	my ($same, $new) = split /\|/, $new_scores[$i];
	die "member $member, then $same" if $member ne $same;
	my $error = abs($new - $old) / (abs($old) || 1);
	$worst = $error if $error > $worst;
}
cmp_ok($worst, '<', 1e-9, 'scores are what they were');
is(sqlstate($node, 'postgres', q{SELECT community.record(7, 'post', 'k4')}), 'CM003', 'who was closed is closed');

# ---- everything goes, and comes again, in one session
$out = $node->safe_psql('postgres', <<"SQL");
SELECT replay FROM community.record(5, 'post', 'k1', 3, '2024-06-01');
SET client_min_messages = warning;
DROP TABLE orders;
DROP EXTENSION community CASCADE;
DROP SCHEMA community CASCADE;
\\unset ON_ERROR_STOP
SELECT community.record(5, 'post', 'k1');
\\set ON_ERROR_STOP 1
$setup
SELECT replay FROM community.record(5, 'post', 'k1', 3, '2024-06-01');
SELECT replay FROM community.record(5, 'post', 'k2', 3, '2024-06-01');
SQL
like($out, qr/^t\n.*\nt\nf$/s, 'one session goes through drop and create of everything');
is($node->safe_psql('postgres', "SELECT community.rebuild('engagement')"), '0', 'scores are those of the events');

# without tables, functions say so
$node->safe_psql('postgres', 'CREATE DATABASE bare');
$node->safe_psql('bare', 'CREATE EXTENSION community');
foreach my $call (
	q{SELECT community.record(5, 'post', 'k2', program => 1)}, q{SELECT community.current_program()},
	q{SELECT community.enroll(1, program => 1)}, q{SELECT community.next_id()},
	q{CALL community.process_inbox(program => 1)})
{
	is(sqlstate($node, 'bare', $call), 'CM009', "without tables: $call");
}
is(sqlstate($node, 'bare', 'DROP EXTENSION community'), 'ok', 'without tables the extension can be dropped');

# ---- two programs in one session: nothing of one is seen in the other
is( $node->safe_psql('postgres', <<'SQL'), "f\nt\nf\nt\nf\n3|4\n1\n1", 'two programs keep apart');
SELECT set_config('p.one', community.current_program()::text, false) \g /dev/null
SELECT set_config('p.two', community.create_program('forum')::text, false) \g /dev/null
SET community.program = 'forum';
SELECT community.enroll(5, joined_at => '2024-01-01') \g /dev/null
SELECT replay FROM community.record(5, 'post', 'k1', 4, '2024-06-01');
SELECT replay FROM community.record(5, 'post', 'k1', 4, '2024-06-01');
SET community.program = 'shop';
SELECT replay FROM community.record(5, 'post', 'k5', 3, '2024-06-01');
SELECT replay FROM community.record(5, 'post', 'k1', 3, '2024-06-01');
SELECT replay FROM community.record(5, 'post', 'k5', 4, '2024-06-01', program => current_setting('p.two')::bigint);
SELECT string_agg(amount::text, '|' ORDER BY amount) FROM community.event WHERE key = 'k1';
SELECT count(*) FROM community.member WHERE program_id = current_setting('p.two')::bigint;
SELECT count(*) FROM community.engagement WHERE program_id = current_setting('p.two')::bigint;
SQL
is(sqlstate($node, 'postgres', q{SELECT community.record(5, 'post', 'k9')}), 'CM004',
	'with two programs one must be named');
is(sqlstate($node, 'postgres', q{SET community.program = 'forum'; SELECT community.record(6, 'post', 'k9')}),
	'CM002', 'a member of one is unknown in the other');

$node->stop;
done_testing();
