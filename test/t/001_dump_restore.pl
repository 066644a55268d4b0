# Dump and restore.  Were this broken, a community that is moved to another
# server or brought back after a disaster would come without its points of
# history, with scores that differ, with tables that are no longer followed,
# or with ids that are given out twice.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;
use Community;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main');
my $dir = $PostgreSQL::Test::Utils::tmp_check;
my @where = ('-h', $node->host, '-p', $node->port);

$node->safe_psql('postgres', 'CREATE DATABASE old');
$node->safe_psql('old', <<'SQL');
CREATE EXTENSION community;
SELECT community.create_program('shop', 'Europe/Berlin', '30 days');
SELECT community.create_program('forum', 'UTC', '7 days', 0);
INSERT INTO community.activity_type (program_id, type, weight, weight_per_unit)
	SELECT program_id, 'order', 2, 0.001 FROM community.program WHERE name = 'shop';

-- an odd name, an expression, a condition
SET community.program = 'shop';
CREATE TABLE customer (id bigint PRIMARY KEY);
INSERT INTO customer SELECT generate_series(1, 50);
CREATE TABLE "My ""Orders""" ("Order No" int, line int, "Who's" bigint REFERENCES customer,
	total numeric(12,2), placed timestamp, state text,
	PRIMARY KEY ("Order No", line));
ALTER TABLE "My ""Orders""" ENABLE ROW LEVEL SECURITY;
SELECT community.attach('"My ""Orders"""', 'order', 'Who''s', 'total', 'placed',
	condition => 'state = ''paid''');
INSERT INTO "My ""Orders""" SELECT i, i % 3, 1 + i % 40, i * 1.37,
	'2024-01-01'::timestamp + i * interval '7 hours', CASE WHEN i % 5 > 0 THEN 'paid' ELSE 'open' END
	FROM generate_series(1, 500) AS i;
UPDATE "My ""Orders""" SET total = total + 1 WHERE "Order No" % 7 = 0;
UPDATE "My ""Orders""" SET state = 'void' WHERE "Order No" % 11 = 0;
DELETE FROM "My ""Orders""" WHERE "Order No" % 13 = 0;

-- partitions, and members known by uuid
CREATE SCHEMA "Shop Too";
CREATE TABLE "Shop Too".visit (id uuid, day date, visitor uuid, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE "Shop Too".visit_1 PARTITION OF "Shop Too".visit FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
CREATE TABLE "Shop Too".visit_2 PARTITION OF "Shop Too".visit FOR VALUES FROM ('2024-02-01') TO ('2024-03-01');
SELECT community.attach('"Shop Too".visit', 'visit', 'visitor', NULL, 'day');
INSERT INTO "Shop Too".visit SELECT md5(i::text)::uuid, '2024-01-01'::date + i % 60, md5((i % 17)::text)::uuid
	FROM generate_series(1, 200) AS i;
DELETE FROM "Shop Too".visit WHERE day = '2024-01-05';

-- a table attached twice, in two programs; another that is no longer attached
SET community.program = 'forum';
SELECT community.attach('"Shop Too".visit', 'seen', 'visitor');
CALL community.backfill('"Shop Too".visit', 'seen', 30);
CREATE TABLE gone (id int PRIMARY KEY, m bigint);
SELECT community.attach('gone', 'gone', 'm');
INSERT INTO gone VALUES (1, 1), (2, 2);
SELECT community.detach('gone', 'gone');

-- calls
SELECT community.enroll(1000 + i, joined_at => '2024-01-01', attributes => '{"a": "\\\t"}') FROM generate_series(1, 9) AS i;
SELECT community.record(1001, 'post', 'p' || i, i, '2024-03-01', 1002, '{"x": [1, null]}') FROM generate_series(1, 9) AS i;
SELECT community.reverse('p' || i, 'spam') FROM generate_series(1, 3) AS i;
SELECT community.reverse('p7', 'half', 3, request_key => 'r7');
SELECT community.close_member(1009, 'left');
INSERT INTO community.inbox (member_id, type, key) VALUES (1002, 'post', 'in1'), (77, 'post', 'in2');
CALL community.process_inbox();
INSERT INTO community.inbox (member_id, type, key) VALUES (1003, 'post', 'in3');

-- points: accounts folded and not, holds, debts, a gift, parts taken back
INSERT INTO community.currency (program_id, code, expires_after, return_policy)
	VALUES (community.current_program(), 'miles', '100 years', 'deficit');
SELECT community.accrue(1001, 10, 'a' || i, 'miles') FROM generate_series(1, 50) AS i;
SELECT community.redeem(1001, 5, 'r1', 'miles');
SELECT community.accrue(1001, 7, 'tail ' || i, 'miles') FROM generate_series(1, 5) AS i;
SELECT community.hold(1001, 30, 'h1', 'miles', '2300-01-01'), community.hold(1001, 20, 'h2', 'miles', '2300-01-01');
SELECT community.capture('h2', 15);
SELECT community.transfer(1001, 1002, 40, 't1', 'miles');
SELECT community.accrue(1003, 10, 'owed', 'miles');
SELECT community.redeem(1003, 10, 'spent', 'miles');
SELECT community.reverse('owed', 'refund', source => 'ledger');
SELECT community.reverse('a1', 'part', 4, 'ledger', request_key => 'part');
SELECT community.accrue(1004, 3, 'never debited', 'miles');

-- a ladder of two versions and a draft beyond them, rulings and grants that ended
SELECT community.define_measure('posts', 'count', ARRAY['post'], '{"x": [1]}'),
	community.define_measure('miles', 'points', currency => 'miles');
INSERT INTO community.ladder (program_id, name) VALUES (community.current_program(), 'Club "A"');
INSERT INTO community.tier (program_id, ladder_id, rank, name, entry)
	SELECT program_id, ladder_id, r, 'tier ' || r, (ARRAY['qualify', 'invitation'])[r] FROM community.ladder, generate_series(1, 2) AS r;
INSERT INTO community.tier_requirement (program_id, ladder_id, rank, measure_id, period, attain)
	SELECT t.program_id, t.ladder_id, t.rank, m.measure_id, 'rolling 30 days', t.rank * 3
	FROM community.tier AS t JOIN community.measure AS m USING (program_id) WHERE m.name = 'posts';
SELECT community.publish_ladder('Club "A"', '-infinity'), community.publish_ladder('Club "A"', '2024-02-01');
UPDATE community.ladder SET grace = '1 month 2 days';
SELECT community.veto_tier(1001, 'Club "A"', 'tier 2', '[2024-01-01,)', 'no', 'veto'),
	community.end_ruling('veto', '2024-02-01'),
	community.grant_tier(1002, 'Club "A"', 'tier 2', '[2024-01-01,2024-03-01)', reason => 'yes', key => 'grant'),
	community.grant_tier(1002, 'Club "A"', 'tier 2', '[2024-03-01,)', reason => 'yes', key => 'grant 2'),
	community.revoke_tier('grant', '2024-02-01');

-- scores of a model of two versions, a super-user, a veto that ended it
SELECT community.define_score_model('Score "A"', '[{"kind": "contribution", "cap": 10}]',
		line => 0.1, every => 'calendar day', valid_from => '2024-01-01'),
	community.define_score_model('Score "A"', '[{"kind": "engagement", "cap": 10}]', top_share => 0.1, valid_from => '2024-03-01');
CALL community.refresh_scores('Score "A"', '2024-02-01');
CALL community.refresh_scores('Score "A"');
SELECT community.veto_super_user(member_id, 'Score "A"', NULL, 'no', 'veto'), community.end_super_user_ruling('veto')
	FROM community.super_user_tenure LIMIT 1;
INSERT INTO community.score_segment (program_id, model_id, rank, name, lower_bound)
	SELECT program_id, model_id, 1, 'key', 0.5 FROM community.score_model;

-- a forest: a chain whose members come after those below them, moves, labels in force
SELECT community.define_referrals(maximum_depth => 50, paid_levels => 2);
SELECT community.enroll(2000 + i, joined_at => '2024-01-01') FROM generate_series(0, 20) AS i;
SELECT community.enroll(2000 + i, sponsor => 2001 + i, joined_at => '2024-01-01') FROM generate_series(0, 9) AS i;
SELECT community.reparent(2003, 2015, 'moved', '2024-02-01'), community.reparent(2005, NULL, 'out', '2024-02-02');
UPDATE community.referral_forest SET labels = 100, labels_end = 101;
INSERT INTO community.referral_label SELECT program_id, 2015, '{2015}', '{0}', '{0}' FROM community.referral_forest;
SELECT community.enroll(2100, sponsor => 2015), community.enroll(2101, sponsor => 2100);
SQL

my $old = tables_of($node, 'old');
cmp_ok(length($old->{event}), '>', 10000, 'there are events to be dumped');
foreach my $table (
	qw(account_fold attachment currency engagement entry hold inbox inbox_fault job_run ladder
	ladder_version measure member member_score program referral referral_forest referral_label referral_move
	referral_setting score_component score_model score_model_version score_refresh score_segment
	standing_touch super_user_ruling super_user_tenure tenure tier tier_requirement tier_ruling))
{
	isnt($old->{$table}, '', "there are rows of $table");
}

my $triggers = q{SELECT t.tgrelid::regclass::text COLLATE "C", t.tgname, t.tgenabled, pg_get_triggerdef(t.oid)
	FROM pg_trigger AS t WHERE NOT t.tgisinternal ORDER BY 1, 2};
my $owners = q{SELECT c.relname, c.relkind, pg_get_userbyid(c.relowner), c.reloptions
	FROM pg_class AS c WHERE c.relnamespace = 'community'::regnamespace ORDER BY 1};
my $columns = q{SELECT attrelid::regclass::text COLLATE "C", attname, format_type(atttypid, atttypmod), attnotnull,
	pg_get_expr(d.adbin, d.adrelid) FROM pg_attribute AS a
	JOIN pg_class AS c ON c.oid = a.attrelid AND c.relnamespace = 'community'::regnamespace
	LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
	WHERE attnum > 0 AND NOT attisdropped AND c.relkind IN ('r', 'p', 'v') ORDER BY 1, 2};
my $constraints = q{SELECT conrelid::regclass::text COLLATE "C", conname, pg_get_constraintdef(oid) FROM pg_constraint
	WHERE connamespace = 'community'::regnamespace AND contype <> 'n' ORDER BY 1, 2};
my $indexes = q{SELECT indexrelid::regclass::text COLLATE "C", pg_get_indexdef(indexrelid) FROM pg_index AS i
	JOIN pg_class AS c ON c.oid = i.indrelid AND c.relnamespace = 'community'::regnamespace ORDER BY 1};
my $order = q{SELECT program_id, member_id FROM community.engagement ORDER BY program_id, score DESC, member_id};

my $accounts = q{SELECT member_id, currency, available, pending, held, deficit, tail
	FROM community.account ORDER BY 1, 2};
my $lots = q{SELECT member_id, currency, points, expires_at, state FROM community.lot ORDER BY 1, 2, 3, 4};
my $books = q{SELECT count(*) FROM community.account_purse AS a JOIN (SELECT program_id, member_id,
	currency_id, community.sum(delta) AS purse FROM community.entry GROUP BY 1, 2, 3) AS e
	USING (program_id, member_id, currency_id)
	WHERE community.settle(a.purse, now()) OPERATOR(community.<>) community.settle(e.purse, now())};

# What the ledger must be able to do after a restore
sub check_points
{
	my ($there, $db, $what) = @_;
	my $points = sub {
		return $there->safe_psql($db, "SET community.program = 'forum'; $_[0]");
	};

	is($there->safe_psql($db, $books), '0', "$what: accounts are the sums of their entries");
	is($points->(q{SELECT replay FROM community.accrue(1001, 10, 'a50', 'miles');
			SELECT replay FROM community.redeem(1001, 5, 'r1', 'miles');
			SELECT replay FROM community.capture('h2', 15);
			SELECT replay FROM community.reverse('a1', 'part', 4, 'ledger', request_key => 'part')}),
		"t\nt\nt\nt", "$what: old calls are replays");
	is(sqlstate($there, $db, "SET community.program = 'forum'; SELECT community.redeem(1001, 5, 'a50', 'miles')"),
		'CM001', "$what: an old key for another call is refused");
	is(sqlstate($there, $db, 'DELETE FROM community.entry'), 'CM007', "$what: entries are append-only");

	# the accounts are folded up to ids of the old cluster
	my $before = $points->(q{SELECT available FROM community.balance(1001, 'miles')});
	$points->(q{SELECT community.accrue(1001, 1, 'new ' || i, 'miles') FROM generate_series(1, 40) AS i});
	is($points->(q{SELECT available FROM community.balance(1001, 'miles')}),
		$before + 40, "$what: new credits count");
	$points->(q{SELECT community.redeem(1001, 2, 'new r', 'miles')});
	is($points->(q{SELECT available FROM community.balance(1001, 'miles')}),
		$before + 38, "$what: and still do when they are folded");
	is($points->(q{SELECT points FROM community.capture('h1')}), '-30', "$what: a hold is captured");
	is($points->(q{SELECT deficit FROM community.balance(1003, 'miles')}), '10', "$what: a debt is known");
	$points->(q{SELECT community.accrue(1003, 12, 'pays', 'miles')});
	is($points->(q{SELECT deficit, available FROM community.balance(1003, 'miles')}),
		'0|2', "$what: and paid");
	is($points->(q{SELECT points FROM community.redeem(1004, 3, 'first debit', 'miles')}),
		'-3', "$what: an account that was never debited is");
	is($there->safe_psql($db, $books), '0', "$what: accounts are the sums of their entries afterwards");
	return;
}

# Everything that a restored database must be able to do
sub check
{
	my ($db, $what) = @_;

	is_same_community(tables_of($node, $db), $old, $what);
	foreach my $query ($triggers, $owners, $columns, $constraints, $indexes, $order, $accounts, $lots)
	{
		is($node->safe_psql($db, $query), $node->safe_psql('old', $query),
			"$what: same result of " . substr($query =~ s/\s+/ /gr, 0, 50));
	}
	is($node->safe_psql($db, q{SELECT sum(community.rebuild('engagement', program_id)) FROM community.program}),
		'0', "$what: scores are those of the events");

	# replays and refusals as before
	is( $node->safe_psql($db, q{SET community.program = 'forum';
			SELECT replay, amount FROM community.record(1001, 'post', 'p8', 8, '2024-03-01', 1002, '{"x": [1, null]}')}),
		't|8', "$what: an old key is a replay");
	is( sqlstate($node, $db, q{SET community.program = 'forum';
			SELECT community.record(1001, 'post', 'p8', 9, '2024-03-01', 1002)}),
		'CM001', "$what: an old key with other input is refused");
	is( $node->safe_psql($db, q{SET community.program = 'forum';
			SELECT replay, amount FROM community.reverse('p7', 'half', 3, request_key => 'r7')}),
		't|-3', "$what: a reversal is a replay");
	is( sqlstate($node, $db, q{SET community.program = 'forum';
			SELECT community.record(1009, 'post', 'new')}),
		'CM003', "$what: a closed member stays closed");
	is(sqlstate($node, $db, 'DELETE FROM community.event'), 'CM007', "$what: events are append-only");

	is( $node->safe_psql($db, q{SET community.program = 'forum';
			SELECT count(*) FROM community.check_installation();
			SELECT community.veto_tier(1001, 'Club "A"', 'tier 2', '[2024-01-01,)', 'no', 'veto')
				= (SELECT min(ruling_id) FROM community.tier_ruling);
			SELECT community.end_ruling('veto', '2024-02-01'), community.revoke_tier('grant', '2024-02-01')}),
		"0\nt\nf|f", "$what: rulings and grants are those that were");
	foreach my $edit (
		'UPDATE community.ladder_version SET definition = definition || \'{"a": 1}\'',
		'DELETE FROM community.tenure', q{DELETE FROM community.measure WHERE name = 'posts'})
	{
		is(sqlstate($node, $db, $edit), 'CM007', "$what: refused is $edit");
	}
	is( $node->safe_psql($db, q{SET community.program = 'forum';
			BEGIN; DO 'BEGIN PERFORM community.publish_ladder(''Club "A"'', ''2024-03-01''); END';
			SELECT valid, definition ->> 'grace' FROM community.ladder_version ORDER BY valid DESC LIMIT 1; ROLLBACK}),
		'["2024-03-01 00:00:00+00",)|1 mon 2 days', "$what: the draft can be published");

	is( $node->safe_psql($db, q{SET community.program = 'forum';
			BEGIN; DO 'BEGIN PERFORM community.enroll(2102, sponsor => 2101), community.enroll(2101, sponsor => 2100); END';
			SELECT count(*) FROM community.referral_check();
			SELECT depth, anchor FROM community.referral WHERE member_id = 2102; ROLLBACK}),
		"0\n3|100", "$what: the forest is one, and grows");
	foreach my $refused (['CM007', 'DELETE FROM community.referral'],
		['CM007', 'UPDATE community.referral SET sponsor_id = 2000 WHERE member_id = 2009'],
		['CM040', q{SET community.program = 'forum'; SELECT community.reparent(2010, 2009, 'a circle')}],
		['CM040', q{INSERT INTO community.referral (program_id, member_id, sponsor_id)
			SELECT program_id, 2010, 2009 FROM community.referral_forest}])
	{
		is(sqlstate($node, $db, $refused->[1]), $refused->[0], "$what: refused is $refused->[1]");
	}

	# new work
	my $max = $node->safe_psql($db, 'SELECT max(event_id) FROM community.event');
	cmp_ok(
		$node->safe_psql($db, q{SET community.program = 'forum';
			SELECT event_id FROM community.record(1001, 'post', 'after')}),
		'>', $max, "$what: a new event gets a new id");
	is( $node->safe_psql($db, q{
			SET community.program = 'shop';
			INSERT INTO "My ""Orders""" VALUES (9001, 1, 12, 99.99, '2024-05-01', 'paid');
			UPDATE "My ""Orders""" SET total = 1 WHERE "Order No" = 2;
			INSERT INTO "Shop Too".visit VALUES (md5('new')::uuid, '2024-02-20', md5('1')::uuid);
			SELECT type, kind, amount FROM community.event WHERE event_id > } . $max . q{ ORDER BY event_id}),
		"post|record|0\norder|record|9999\norder|adjust|-174\nvisit|record|0\nseen|record|0",
		"$what: attached tables are followed");
	is( $node->safe_psql($db, q{
			SELECT count(*) FROM (SELECT key, member_id, sum(amount) FROM community.event
				WHERE type = 'order' GROUP BY 1, 2 HAVING sum(amount) <> 0
			EXCEPT SELECT ROW("Order No"::text, line::text)::text, "Who's", (total * 100)::bigint FROM "My ""Orders"""
				WHERE state = 'paid') AS x}),
		'0', "$what: events agree with the orders");
	$node->safe_psql($db, q{SET community.program = 'forum'; CALL community.process_inbox()});
	is( $node->safe_psql($db, q{SELECT count(*) FROM community.event WHERE key = 'in3'}),
		'1', "$what: what was left in the inbox is recorded");
	is( $node->safe_psql($db, q{SET community.program = 'shop'; CREATE TABLE "Shop Too".visit_3 PARTITION OF
			"Shop Too".visit FOR VALUES FROM ('2024-03-01') TO ('2024-04-01');
			SELECT count(*) FROM pg_trigger WHERE tgrelid = '"Shop Too".visit_3'::regclass}),
		'8', "$what: a new partition is followed");
	check_points($node, $db, $what);
	is(sqlstate($node, $db, 'DROP EXTENSION community'), '2BP01',
		"$what: the extension is not dropped while its tables are there");
	return;
}

# plain text
$node->command_ok([ 'pg_dump', @where, '-f', "$dir/plain.sql", 'old' ], 'pg_dump as text');
$node->safe_psql('postgres', 'CREATE DATABASE plain');
$node->command_ok(
	[ 'psql', '-Xq', @where, '-v', 'ON_ERROR_STOP=1', '-o', "$dir/plain.out", '-f', "$dir/plain.sql", 'plain' ],
	'restore of text');
eval { check('plain', 'text'); 1 } or fail('checks broke off: ' . $@);

# custom format, in parallel
$node->command_ok([ 'pg_dump', @where, '-Fc', '-f', "$dir/custom", 'old' ], 'pg_dump -Fc');
$node->safe_psql('postgres', 'CREATE DATABASE custom');
$node->command_ok(
	[ 'pg_restore', @where, '-e', '-j2', '-d', 'custom', "$dir/custom" ],
	'pg_restore -j2');
eval { check('custom', 'custom format'); 1 } or fail('checks broke off: ' . $@);

# as parallel jobs may come: triggers before keys, and those of partitions last
my ($list) = run_command([ 'pg_restore', '-l', "$dir/custom" ]);
my (@parents, @partitions, @others);
foreach (split /\n/, $list)
{
	push @{ !/ TRIGGER / ? \@others : / visit_\d / ? \@partitions : \@parents }, $_;
}
my ($first) = grep { $others[$_] =~ / CONSTRAINT / } 0 .. $#others;
splice @others, $first, 0, @parents;
append_to_file("$dir/list", join("\n", @others, @partitions) . "\n");
$node->safe_psql('postgres', 'CREATE DATABASE reordered');
$node->command_ok([ 'pg_restore', @where, '-e', '-L', "$dir/list", '-d', 'reordered', "$dir/custom" ],
	'pg_restore in another order');
is($node->safe_psql('reordered', $triggers), $node->safe_psql('old', $triggers), 'in another order: the same triggers');
$node->safe_psql('reordered', q{INSERT INTO "Shop Too".visit VALUES (md5('new')::uuid, '2024-02-20', md5('1')::uuid)});
is($node->safe_psql('reordered', 'SELECT count(*) FROM community.event') - $node->safe_psql('old', 'SELECT count(*) FROM community.event'),
	2, 'in another order: attached tables are followed');

# the tables first, then the rows: triggers must be off while they come in
$node->safe_psql('postgres', 'CREATE DATABASE halves');
$node->command_ok(
	[ 'pg_restore', @where, '-e', '--schema-only', '-d', 'halves', "$dir/custom" ],
	'pg_restore --schema-only');
$node->command_ok(
	[ 'pg_restore', @where, '-e', '--data-only', '--disable-triggers', '-d', 'halves', "$dir/custom" ],
	'pg_restore --data-only --disable-triggers');
# which leaves all triggers as ordinary ones; some fire on replicas, too
$node->safe_psql('halves', 'SELECT community.install_tables()');
eval { check('halves', 'schema, then data'); 1 } or fail('checks broke off: ' . $@);

# the restored dumps again: nothing is lost by going round twice
$node->command_ok([ 'pg_dump', @where, '-Fc', '-f', "$dir/again", 'custom' ], 'pg_dump of what was restored');
$node->safe_psql('postgres', 'CREATE DATABASE again');
$node->command_ok([ 'pg_restore', @where, '-e', '-d', 'again', "$dir/again" ], 'pg_restore once more');
eval { is_same_community(tables_of($node, 'again'), tables_of($node, 'custom'), 'second round'); 1 }
  or fail('checks broke off: ' . $@);

# a younger cluster, whose transaction ids are lower than those that wrote
my $young = new_node('young');
$young->command_ok(
	[ 'psql', '-Xq', '-h', $young->host, '-p', $young->port, '-d', 'postgres',
		'-v', 'ON_ERROR_STOP=1', '-o', "$dir/young.out", '-f', "$dir/plain.sql" ],
	'restore into a younger cluster');
my $now = 'SELECT pg_current_xact_id()';
cmp_ok($young->safe_psql('postgres', $now), '<', $node->safe_psql('old', $now), 'it is younger');
is($young->safe_psql('postgres', $_), $node->safe_psql('old', $_), 'younger cluster: same result of '
	  . substr(s/\s+/ /gr, 0, 50)) foreach ($accounts, $lots);
eval { check_points($young, 'postgres', 'younger cluster'); 1 } or fail('checks broke off: ' . $@);
$young->stop;

$node->stop;
done_testing();
