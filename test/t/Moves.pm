# What the tests of moves share: a community with every room in use, a picture
# of it that another place must give again, and work that must go on there.
package Moves;

use strict;
use warnings FATAL => 'all';
use Community;
use Exporter 'import';
use FindBin;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(make_roles make_full_database picture_of is_same_picture is_at_work psql_file);

my @owner = ('keeper', 'shop_app', 'auditor');

# Roles belong to a cluster, so no dump of a database brings them.
sub make_roles
{
	my ($node) = @_;
	$node->safe_psql('postgres', "CREATE ROLE $_ LOGIN") foreach @owner;
	return;
}

# Run a file, and say what went wrong.
sub psql_file
{
	my ($node, $database, $file) = @_;
	my ($out, $err);
	my $ok = IPC::Run::run(
		[ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($database), '-o', '/dev/null', '-f', $file ],
		'<', '/dev/null', '>', \$out, '2>', \$err);
	diag($err) unless $ok;
	return $ok;
}

# A database with the tables of an ordinary role, and at least one row in each.
sub make_full_database
{
	my ($node, $database) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE \"$database\"");
	$node->safe_psql($database, <<'SQL');
SET client_min_messages = warning;
CREATE EXTENSION community;
SELECT community.install_tables('keeper');
SELECT community.grant_application('shop_app'), community.grant_auditor('auditor');
SQL
	psql_file($node, $database, "$FindBin::RealBin/populate.sql") or die 'cannot populate';
	my $rows = tables_of($node, $database);
	is_deeply([ grep { $rows->{$_} eq '' } sort keys %$rows ], [], 'every table has a row');
	return;
}

my $in_schema = q{relnamespace IN ('community'::regnamespace, 'store'::regnamespace)};
my %catalog = (
	owners => qq{SELECT c.oid::regclass, c.relkind, pg_get_userbyid(c.relowner), c.reloptions, c.relreplident, c.relrowsecurity,
		(SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(c.relacl) AS a), obj_description(c.oid, 'pg_class')
		FROM pg_class AS c WHERE $in_schema AND c.relkind IN ('r', 'p', 'v', 'S')},
	columns => qq{SELECT c.oid::regclass, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attstattarget IS NOT NULL AND a.attstattarget >= 0,
		pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum) FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
		LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
		WHERE $in_schema AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v')},
	constraints => qq{SELECT c.oid::regclass, k.conname, pg_get_constraintdef(k.oid) FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid
		WHERE $in_schema AND k.contype <> 'n'},
	indexes => qq{SELECT pg_get_indexdef(i.indexrelid), i.indisvalid FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid WHERE $in_schema},
	triggers => qq{SELECT pg_get_triggerdef(t.oid), t.tgenabled FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
		WHERE $in_schema AND NOT t.tgisinternal},
	views => qq{SELECT c.oid::regclass, pg_get_viewdef(c.oid) FROM pg_class AS c WHERE $in_schema AND c.relkind = 'v'},
	sequence => 'SELECT last_value, is_called FROM community.id_sequence',
	routines => q{SELECT p.oid::regprocedure, pg_get_userbyid(p.proowner), md5(p.prosrc), p.provolatile, p.proparallel, p.proisstrict, p.prosecdef,
		p.proconfig, pg_get_function_result(p.oid), pg_get_function_arguments(p.oid), obj_description(p.oid, 'pg_proc'),
		(SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(p.proacl) AS a)
		FROM pg_proc AS p WHERE p.pronamespace = 'community'::regnamespace},
	members => q{SELECT pg_describe_object(d.classid, d.objid, d.objsubid) FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid
		WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'community'
			-- 17 counts arrays
			AND pg_describe_object(d.classid, d.objid, d.objsubid) NOT LIKE '%[]'},
	schema => q{SELECT pg_get_userbyid(n.nspowner), n.nspacl, e.extversion FROM pg_namespace AS n, pg_extension AS e
		WHERE n.nspname = 'community' AND e.extname = 'community'});
my @view = qw(account lot seats group_status bargain_status share_status envelope_status budget_status qualified_referral
	held_member sanctioned_member score interaction counted_event job);

# All that must be the same elsewhere, as text by name.
sub picture_of
{
	my ($node, $database) = @_;
	my $rows = tables_of($node, $database);
	my %sql = map { $_ => "SELECT t::text FROM ($catalog{$_}) AS t ORDER BY 1" } keys %catalog;
	$sql{"rows of $_"} = "SELECT t::text FROM $_ AS t ORDER BY 1"
	  foreach lines_of($node, $database,
		q{SELECT c.oid::regclass FROM pg_class AS c WHERE c.relnamespace = 'store'::regnamespace AND c.relkind IN ('r', 'p')});
	$sql{"view $_"} = "SELECT v::text FROM community.$_ AS v ORDER BY 1" foreach @view;
	my @name = sort keys %sql;
	my (undef, @answer) = answers_of($node, $database, q{SET community.program = 'shop'}, map { $sql{$_} } @name);
	my %picture = ((map { $name[$_] => $answer[$_] } 0 .. $#name), map { ("rows of $_" => $rows->{$_}) } keys %$rows);
	# the server adds names to columns of views that are read again
	$picture{views} =~ s/(NULL::\w+) AS \w+/$1/g;
	return \%picture;
}

# Compare pictures; what is named after them may differ.
sub is_same_picture
{
	my ($got, $expected, $what, @but) = @_;
	my %but = map { $_ => 1 } @but;
	is_deeply([ sort keys %$got ], [ sort keys %$expected ], "$what: the same things");
	foreach my $name (grep { !$but{$_} } sort keys %$expected)
	{
		my %was = map { $_ => 1 } split /\n/, $expected->{$name};
		my %is = map { $_ => 1 } split /\n/, $got->{$name} // '';
		is_deeply([ grep { !$was{$_} } sort keys %is ], [ grep { !$is{$_} } sort keys %was ], "$what: $name");
	}
	return;
}

# What every room must be able to do: who calls, the call, what it answers.
my @work = (
	[ shop_app => q{SELECT replay FROM community.record(29, 'order', 'e4', 148, '2025-03-02 20:00', NULL, '{"dept": 4}')}, 't' ],
	[ shop_app => q{SELECT replay, amount FROM community.record(7, 'order', 'moved', 900)}, 'f|900' ],
	[ shop_app => q{SELECT amount FROM community.reverse('moved', 'part', 300, request_key => 'moved part')}, '-300' ],
	[ shop_app => q{SELECT replay FROM community.reverse('e44', 'half of it', 1, request_key => 'half 44')}, 't' ],
	[ shop_app => q{SELECT community.enroll(external_id => 'moved') > 1000000000000000}, 't' ],
	[ shop_app => q{SELECT community.member_id('visitor 3') IS NOT NULL}, 't' ],
	[ shop_app => q{SELECT community.merge_members(110, 111, 'one and the same')}, 'f' ],
	[ shop_app => q{SELECT replay FROM community.accrue(101, 10, 'many 60', 'credit')}, 't' ],
	[ shop_app => q{SELECT count(community.accrue(101, 1, 'moved ' || g, 'credit')) FROM generate_series(1, 40) AS g}, '40' ],
	[ shop_app => q{SELECT available, held FROM community.balance(101, 'credit')}, '636|30' ],
	[ shop_app => q{SELECT points FROM community.redeem(101, 1, 'moved spend', 'credit')}, '-1' ],
	[ shop_app => q{SELECT available FROM community.balance(101, 'credit')}, '635' ],
	[ shop_app => q{SELECT points FROM community.capture('open hold', 20)}, '-20' ],
	[ shop_app => q{SELECT points FROM community.hold(101, 5, 'moved hold', 'credit')}, '0' ],
	[ shop_app => q{SELECT points FROM community.release('moved hold')}, '0' ],
	[ shop_app => q{SELECT deficit FROM community.balance(102, 'credit')}, '10' ],
	[ shop_app => q{SELECT points FROM community.transfer(101, 102, 12, 'moved gift', 'credit')}, '-12' ],
	[ shop_app => q{SELECT deficit, available FROM community.balance(102, 'credit')}, '0|2' ],
	[ shop_app => q{SELECT points > 0 FROM community.claim_envelope((SELECT community.issue_envelope(40, 20, 1, 'moved envelope', 'miles')), 41, 'moved claim')}, 't' ],
	[ shop_app => q{SELECT count(*) FROM community.evaluate(7)}, '0' ],
	[ shop_app => q{SELECT count(*) > 0 FROM community.tenures(20, 'status')}, 't' ],
	[ shop_app => q{SELECT seat IS NULL, place, replay FROM community.claim_seat(9, 'club', 'founder', 'moved seat')}, 't|4|f' ],
	[ shop_app => q{SELECT community.release_seat(1, 'club', 'founder', 'moved', 'moved release')}, 't' ],
	[ auditor => q{SELECT member_id FROM community.tier_seat_wait ORDER BY wait_id LIMIT 1}, '7' ],
	[ shop_app => q{SELECT community.has_benefit(20, 'lounge')}, 'f' ],
	[ shop_app => q{SELECT community.grant_tier(50, 'status', 'gold', reason => 'gift', key => 'moved grant') > 0}, 't' ],
	[ shop_app => q{SELECT community.enroll(142, sponsor => 141); SELECT community.generation(142)}, "142\n5" ],
	[ shop_app => q{SELECT community.downline_count(130)}, '3' ],
	[ shop_app => q{SELECT community.redeem_code(130, 'CODE3', '2026-01-02')}, '3' ],
	[ shop_app => q{SELECT community.redeem_code(132, community.issue_code(5, 1))}, '5' ],
	[ shop_app => q{SELECT community.record_click(community.share(6, 'mail', 'spring', key => 'moved share'), 'moved visitor')}, 't' ],
	[ shop_app => q{SELECT community.attribute(133, 'moved visitor')}, '6' ],
	[ shop_app => q{SELECT community.reparent(134, 133, 'moved') > 0}, 't' ],
	[ shop_app => q{SELECT community.open_group(50, 3, now() + interval '1 day', 'moved group', 100) > 0}, 't' ],
	[ shop_app => q{SELECT price >= 500 FROM community.cut_bargain(60, community.open_bargain(51, 1000, 500, 6, now() + interval '1 day', 'moved bargain'), 'moved cut')}, 't' ],
	[ shop_app => q{SELECT community.add_identity(142, 'email', 'M1@example.org')}, 't' ],
	[ shop_app => q{SELECT count(*) > 0 FROM community.explain_score(1, 'vip')}, 't' ],
	[ shop_app => q{SELECT community.in_holdout(1, 'letter') IS NOT NULL}, 't' ],
	[ shop_app => q{INSERT INTO community.inbox (member_id, type, key) VALUES (4, 'post', 'moved inbox')}, '' ],
	[ keeper => q{CALL community.process_inbox()}, '' ],
	[ auditor => q{SELECT count(*) FROM community.inbox; SELECT count(*) FROM community.event WHERE key IN ('waits', 'waits too', 'moved inbox')}, "0\n3" ],
	[ keeper => q{CALL community.refresh_scores('vip')}, '' ],
	[ keeper => q{CALL community.settle_benefits(); CALL community.run_maintenance()}, '' ],
	[ keeper => q{SELECT community.review_referrals() >= 0}, 't' ],
	[ keeper => q{SELECT count(*) FROM community.publish_ladder('status')}, '3' ]);

# And what must be recorded of the application's own tables.
my $orders = <<'SQL';
INSERT INTO store.orders VALUES (9001, 3, 99.99, '2025-11-01');
INSERT INTO store."My ""Orders""" VALUES (9001, 1, 12, 50, '2025-11-01', 'paid');
UPDATE store."My ""Orders""" SET total = 1 WHERE "Order No" = 2;
INSERT INTO store.visit VALUES (9001, '2025-07-05', 'visitor 3');
INSERT INTO store.gone VALUES (9001, 3);
CREATE TABLE store.visit_3 PARTITION OF store.visit FOR VALUES FROM ('2025-08-01') TO ('2025-09-01');
INSERT INTO store.visit VALUES (9002, '2025-08-05', 'visitor new');
SQL

# Work goes on, and the books agree before and after.
sub is_at_work
{
	my ($node, $database, $what) = @_;
	my $faults = q{SELECT * FROM community.check_installation('full')};
	is($node->safe_psql($database, $faults), '', "$what: the books agree");
	my $max = $node->safe_psql($database, 'SELECT greatest((SELECT max(event_id) FROM community.event), (SELECT max(entry_id) FROM community.entry))');

	# one session, in which an error is an answer
	my ($in, $all) = ("SET community.program = 'shop';\n", '');
	$in .= "\\echo ==>\nSET SESSION AUTHORIZATION $_->[0];\n$_->[1];\n" foreach @work;
	IPC::Run::run([ 'psql', '-XqAt', '-d', $node->connstr($database) ], '<', \$in, '>&', \$all);
	my (undef, @answer) = split /^==>\n/m, $all;
	chomp @answer;
	is($answer[$_], $work[$_][2], "$what: $work[$_][0]: $work[$_][1]") foreach 0 .. $#work;
	$node->safe_psql($database, "SET community.program = 'shop'; $orders");
	is( $node->safe_psql($database, qq{SELECT type, kind, amount FROM community.event
			WHERE event_id > $max AND source LIKE '%.%' ORDER BY event_id}),
		"order|record|9999\norder|record|5000\norder|adjust|-174\nvisit|record|0\nvisit|record|0", "$what: attached tables are followed");
	is($node->safe_psql($database, q{SELECT count(*) FROM community.event WHERE event_id <= } . $max . q{ AND key LIKE 'moved%'}),
		'0', "$what: ids go on");
	is(sqlstate($node, $database, $_), 'CM007', "$what: refused is $_")
	  foreach ('DELETE FROM community.event', 'UPDATE community.entry SET points = 0', 'TRUNCATE community.commission',
		'UPDATE community.referral SET sponsor_id = 2 WHERE member_id = 16', 'DELETE FROM community.tenure');
	is(sqlstate($node, $database, q{ALTER TABLE store.orders DROP COLUMN total}), 'CM011', "$what: an attached table is guarded");
	is(sqlstate($node, $database, 'DROP EXTENSION community'), '2BP01', "$what: the extension stays while its tables are there");
	is($node->safe_psql($database, $faults), '', "$what: the books agree after work");
	is($node->safe_psql($database, q{SET community.program = 'shop'; SELECT count(*) FROM community.referral_check()}), '0', "$what: the forest is one");
	foreach my $derived ('engagement', 'accounts', 'standings')
	{
		is($node->safe_psql($database, "SELECT sum(community.rebuild('$derived', program_id)) FROM community.program"),
			'0', "$what: $derived are what they are derived from");
	}
	return;
}

1;
