# What maintains a whole program, beside an application that leaves a
# transaction open.  Were this broken, maintenance would make members wait for
# it that it is not at work on, or for somebody else whom it waits for; or it
# would end in a deadlock with the application.
#
# Nothing is measured in time.  Maintenance is made to stand still: procedures,
# which commit in batches, by a transaction that has done something for one
# member; functions, which work in one transaction, by leaving theirs open.
# While they stand everything an application does is tried for other members,
# with a lock_timeout, so what would wait is told from what does not.  What may
# wait is written down here, and in doc/operations.md, section Maintenance.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;
use Community;
use Load;
use Test::More;
use Time::HiRes qw(sleep);

# The member for whom a transaction is open is at the end of a batch of ten, the
# one near to it is in the same.
use constant { MEMBERS => 330, OPEN => 250, NEAR => 245 };

my $node = new_node('main');
$node->append_conf('postgresql.conf', <<'CONF');
autovacuum = off
deadlock_timeout = '100ms'
log_statement = none
CONF
$node->reload;
$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION community;
SELECT community.create_program('shop') AS p \\gset
-- credits in miles lock the account, others do not
INSERT INTO community.currency (program_id, code, inactive_after) VALUES (:p, 'miles', '1 year');
INSERT INTO community.accrual_rule (program_id, name, type, currency_id, position, effect, points)
SELECT :p, code, 'sale', currency_id, 1, 'fixed', 5 FROM community.currency;
SELECT count(community.enroll(i, sponsor => nullif(i / 3, 0), joined_at => '2024-01-01')) FROM generate_series(1, @{[MEMBERS]}) AS i;

SELECT community.define_measure('sales', 'sum', '{sale,order}') AS sales \\gset
INSERT INTO community.ladder (program_id, name) VALUES (:p, 'status'), (:p, 'club');
INSERT INTO community.tier (program_id, ladder_id, rank, name, entry, seats)
SELECT program_id, ladder_id, 1, v.name, v.entry, v.seats FROM community.ladder
JOIN (VALUES ('status', 'silver', 'qualify', NULL), ('club', 'founder', 'none', 2)) AS v (ladder, name, entry, seats) ON v.ladder = ladder.name;
INSERT INTO community.tier_requirement (program_id, ladder_id, rank, measure_id, period, attain)
SELECT program_id, ladder_id, 1, :sales, 'lifetime', 1 FROM community.ladder WHERE name = 'status';
SELECT count(community.define_benefit(b, 'points', points => 7, currency => 'miles')) FROM unnest(ARRAY['welcome', 'more']) AS b;
SELECT community.list_benefit('status', 'silver', 'welcome', valid => '(,)');
SELECT community.publish_ladder('status', '-infinity'), community.publish_ladder('club', '-infinity');
-- a few become super-users
SELECT community.define_score_model('super', '[{"kind": "engagement", "transform": "percentile"}]', top_share => 0.05);

CREATE TABLE orders (id int PRIMARY KEY, customer bigint, total bigint);
CREATE TABLE past (LIKE orders INCLUDING ALL);
INSERT INTO orders SELECT i, i, 10 FROM generate_series(1, @{[MEMBERS]}) AS i;
INSERT INTO past TABLE orders;
SELECT community.attach('orders', 'order', 'customer', 'total', source => 'orders'), community.attach('past', 'order', 'customer', 'total', source => 'past');
INSERT INTO community.inbox (program_id, member_id, type, key, amount) SELECT :p, i, 'sale', 'old ' || i, 10 FROM generate_series(1, @{[MEMBERS]}) AS i;
INSERT INTO community.inbox (program_id, member_id, type, key) SELECT :p, 241 + i % 16, 'post', i FROM generate_series(1, 32) AS i;
CALL community.process_inbox();
CALL community.backfill('orders', 'order');
CALL community.review_tiers();
ANALYZE;
INSERT INTO community.award (program_id, name, currency_id, points) SELECT :p, 'first', currency_id, 3 FROM community.currency WHERE code = 'miles';
INSERT INTO community.award_requirement (program_id, award_id, measure_id, attain) SELECT :p, award_id, :sales, 1 FROM community.award;
SELECT count(community.accrue(i, 100, 'given ' || i)) FROM generate_series(1, @{[MEMBERS]}) AS i;
CALL community.fold_accounts(1);
SELECT count(community.accrue(i, 1, 'not folded ' || i)) FROM generate_series(1, @{[MEMBERS]}) AS i;

-- something for each of those who settle
SELECT community.open_group(7, 9, now() + interval '9 days', 'open') IS NOT NULL;
SELECT community.open_group(8, 9, now() + interval '9 days', 'due') AS due \\gset
SELECT community.hold(@{[NEAR]}, 3, 'for the group', expires_at => 'infinity') IS NOT NULL;
SELECT state FROM community.join_group(@{[NEAR]}, :due, 'joins', 'for the group');
SELECT community.issue_envelope(@{[NEAR]}, 10, 5, 'envelope') IS NOT NULL, community.hold(@{[NEAR]} + 1, 3, 'ends soon', expires_at => now() + interval '1 hour') IS NOT NULL;
SELECT community.claim_seat(21, 'club', 'founder', 'seat 21') IS NOT NULL;
INSERT INTO community.fraud_rule (program_id, name, kind, severity, action) VALUES (:p, 'star', 'star', 'medium', 'hold');
SET session_replication_role = replica;
UPDATE community.group_buy SET closes_at = now() - interval '1 day' WHERE group_id = :due;
UPDATE community.envelope SET expires_at = now() - interval '1 day';
UPDATE community.hold SET expires_at = now() - interval '1 day' WHERE key = 'ends soon';
INSERT INTO community.tier_seat_wait (program_id, ladder_id, tier, member_id, key) SELECT program_id, ladder_id, tier, 22, 'seat 22' FROM community.tier_seat LIMIT 1;
RESET session_replication_role;

-- what an application does for a member; a list of what had to wait
CREATE FUNCTION try_all(m bigint) RETURNS text LANGUAGE plpgsql AS \$\$
DECLARE
	other bigint := 1 + m % 7;
	result text := '';
	op text;
	did text;
BEGIN
	FOR op, did IN VALUES
		('read', format('SELECT b.available, community.tier(%s, ''status'') FROM community.balance(%1\$s) AS b', m)),
		('enroll', format('SELECT community.enroll(900000 + %s, sponsor => %1\$s)', m)),
		('move', format('SELECT community.reparent(%s, NULL, ''moved'')', m)),
		('accrue', format('SELECT community.accrue(%s, 1, ''probe'')', m)),
		('redeem', format('SELECT community.redeem(%s, 1, ''probe r'')', m)),
		('miles', format('SELECT community.accrue(%s, 1, ''probe m'', ''miles'')', m)),
		('give', format('SELECT community.transfer(%s, %s, 1, ''probe t'')', m, other)),
		('hold', format('SELECT community.hold(%s, 1, ''probe h'')', m)),
		('sale', format('SELECT community.record(%s, ''sale'', ''probe'', 100)', m)),
		('refund', format('SELECT community.reverse(''old %s'', ''returned'')', m)),
		('order', format('INSERT INTO orders VALUES (0, %s, 100)', m)),
		('update', format('UPDATE orders SET total = total + 1 WHERE id = %s', m)),
		('past', format('UPDATE past SET total = total + 1 WHERE id = %s', m)),
		('tier', format('SELECT count(*) FROM community.evaluate(%s)', m)),
		('seat', format('SELECT * FROM community.claim_seat(%s, ''club'', ''founder'', ''probe s'')', m)),
		('group', format('SELECT * FROM community.join_group(%s, (SELECT group_id FROM community.group_buy WHERE key = ''open''), ''probe g'')', m)),
		('veto', format('SELECT community.veto_super_user(%s, ''super'', NULL, ''no'', ''probe v'')', m)),
		('close', format('SELECT community.close_member(%s, ''left'')', m))
	LOOP
		BEGIN
			EXECUTE did;
		EXCEPTION WHEN lock_not_available THEN result := result || ' ' || op;
		END;
	END LOOP;
	RETURN result;
END \$\$;
SQL
$node->safe_psql('postgres', 'SELECT community.relabel_referrals()') foreach 1 .. 3;

# Who maintains, the application that is slow, one that is not, and who looks
my ($worker, $app, $probe, $watch) = map { connect_as($node, 'read committed', '') } 1 .. 4;
run($_, q{SELECT set_config('community.program', 'shop', false)}) foreach $worker, $app, $probe;
run($probe, q{SET lock_timeout = '5ms'});
my ($worker_pid, $app_pid) = map { (run($_, 'SELECT pg_backend_pid()'))[1] } $worker, $app;

# ---- how it is asked

sub ok_run
{
	my ($session, $sql) = @_;
	my ($state, @row) = run($session, $sql);
	is($state, '00000', $sql) if ($state // 'lost') ne '00000';
	return @row;
}

# Let the worker do something: 'waits' once it waits for the application, and
# 'ends' if it comes to its end.
my $asked = 0;
sub set_to_work
{
	my ($call) = @_;
	my $tag = '/* ' . ++$asked . ' */';
	ask($worker, "$call $tag");
	foreach my $try (1 .. 1500)
	{
		my ($state) = ok_run($watch, "SELECT CASE WHEN state LIKE 'idle%' THEN 'ends' WHEN wait_event_type = 'Lock' AND $app_pid = ANY (pg_blocking_pids(pid)) THEN 'waits' END"
			  . " FROM pg_stat_activity WHERE pid = $worker_pid AND query LIKE '%$tag%'");
		return $state if $state;
		sleep 0.02;
	}
	die "$call neither ends nor waits";
}

# What has to wait, for which of some members: "sale" for all of them, or "sale
# 7" for one.
sub what_waits
{
	my (@member) = @_;
	my %waits;
	foreach my $m (@member)
	{
		ok_run($probe, 'BEGIN');
		my ($what) = ok_run($probe, "SELECT try_all($m)");
		ok_run($probe, 'ROLLBACK');
		push @{ $waits{$_} }, $m foreach split ' ', $what;
	}
	return join ', ', map { @{ $waits{$_} } == @member ? $_ : "$_ @{$waits{$_}}" } sort keys %waits;
}

sub for_one
{
	my ($m, $what) = @_;
	return $what =~ s/\w+/$& $m/gr;
}

# All that it does when a member buys
sub busy_with
{
	my ($m, $key) = @_;
	ok_run($app, $_) foreach "SELECT (community.record($m, 'sale', '$key $m', 100)).event_id",
	  "SELECT community.redeem($m, 1, '$key r $m')", "UPDATE orders SET total = total + 1 WHERE id = $m";
	return;
}

# ---- what waits for what without maintenance

# what locks a member, and an account
my $member = 'close, group, order, past, refund, sale, seat, tier, update, veto';
my $account = 'close, give, hold, miles, order, past, redeem, refund, sale, update';

is(what_waits(1, OPEN, MEMBERS), '', 'nothing waits for nobody');
ok_run($app, 'BEGIN');
busy_with(OPEN, 'first');
is(what_waits(OPEN), join(', ', sort keys %{ { map { $_ => 1 } split /, /, "$member, $account" } }), 'one thing after the other for one member');
is(what_waits(1, NEAR, MEMBERS), '', 'and nothing waits for another member');
ok_run($app, 'ROLLBACK');

# ---- functions, in one transaction: do they wait for the member in the
# middle, and what waits for them until they have ended

my @function = (
	[ q{check_installation('full')}, 'ends', '' ], [ 'referral_check()', 'ends', '' ],
	[ 'advance_ids()', 'ends', '' ], [ 'install_tables()', 'ends', '' ], [ 'review_referrals()', 'ends', '' ],
	[ q{sanction_subtree(80, 'hold', 'test')}, 'ends', '' ],
	# movers wait for each other
	[ 'relabel_referrals()', 'ends', 'move' ], [ q{rebuild('referral labels')}, 'ends', 'move' ],
	# accounts of those who have joined, and of who has given
	[ 'settle_groups()', 'ends', for_one(NEAR, 'close, give, hold, redeem, refund') ],
	[ 'close_expired_envelopes()', 'ends', for_one(NEAR, 'close, give, hold, redeem, refund') ],
	# who must go to the list of those who wait
	[ 'hand_out_seats()', 'ends', 'seat' ],
	# all members, or all accounts
	# all accounts that had something to fold; as a job it lets go of them batch after batch
	[ 'fold_accounts(1, 10)', 'ends', 'close, give, hold, redeem, refund' ],
	[ q{rebuild('engagement')}, 'waits', $member ], [ q{rebuild('standings')}, 'waits', $member ],
	[ 'settle_payments(NULL)', 'waits', $member ], [ q{rebuild('accounts')}, 'waits', $account ]);
foreach my $function (@function)
{
	my ($call, $how, $waits) = @$function;
	ok_run($app, 'BEGIN');
	busy_with(OPEN, 'open');
	ok_run($worker, 'BEGIN');
	is(set_to_work($call =~ /^fold/ ? "CALL community.$call" : "SELECT count(*) FROM (SELECT community.$call) AS s"), $how, "$call $how beside an open transaction");
	ok_run($app, 'ROLLBACK');
	is((answer($worker))[0], '00000', "$call does its work");
	is(what_waits(1, NEAR, MEMBERS), $waits, "$call lets wait: $waits");
	ok_run($worker, 'ROLLBACK');
}

ok_run($app, 'BEGIN');
ok_run($app, "SELECT community.reparent(@{[OPEN]}, NULL, 'moved')");
is(set_to_work('SELECT community.relabel_referrals()'), 'waits', 'who relabels waits for who moves');
is(what_waits(1, MEMBERS), 'move', 'and only those wait who move');
ok_run($app, 'COMMIT');
is((answer($worker))[0], '00000', 'and relabels');

# ---- procedures, in batches: what makes them work, how they take an open
# transaction, and what waits for them meanwhile.  Batches of ten go by
# the ids of members, and the open one is at the end of one.

my $publish = q{UPDATE community.tier_requirement SET attain = attain + 1; SELECT community.publish_ladder('status')};
my @procedure = (
	# they pass over it, or wait for it with nobody else in hand
	[ 'fold_accounts(1, 10)', qq{SELECT count(community.accrue(i, 1, 'more ' || i)) FROM generate_series(1, @{[MEMBERS]}) AS i}, 'ends', '' ],
	[ 'review_tiers()', $publish, 'waits', '' ],
	[ 'settle_benefits(now(), true, 10)', q{SELECT community.list_benefit('status', 'silver', 'more', valid => '(,)')}, 'waits', '' ],
	[ q{backfill_awards('first', 10)}, '', 'waits', '' ],
	[ 'run_maintenance()', $publish, 'waits', '' ],
	# a batch waits as a whole
	[ 'process_inbox(10)',
		qq{INSERT INTO community.inbox (program_id, member_id, type, key, amount) SELECT community.current_program(), i, 'sale', 'new ' || i, 10 FROM generate_series(1, @{[MEMBERS]}) AS i},
		'waits', for_one(NEAR, $member) ],
	[ q{backfill('past', 'order', 10)}, '', 'waits', for_one(NEAR, $member) ],
	# those whose status changes, together
	[ q{refresh_scores('super')}, '', 'waits', for_one(NEAR, $member) ]);
foreach my $procedure (@procedure)
{
	my ($call, $prepare, $how, $waits) = @$procedure;
	ok_run($worker, $_) foreach split /; /, $prepare;
	ok_run($app, 'BEGIN');
	busy_with(OPEN, $call =~ s/'//gr);
	is(set_to_work("CALL community.$call"), $how, "$call $how beside an open transaction");
	is(what_waits(1, 240, NEAR, 251, MEMBERS), $waits, "$call lets wait: $waits");
	# the application goes on with others; it may do so in any order where nobody waits
	busy_with($_, $call =~ s/'//gr) foreach 251, $waits eq '' ? NEAR : ();
	ok_run($app, 'COMMIT');
	is((answer($worker))[0], '00000', "$call does its work");
}
# Rewards go to who was brought and to who brought him, in an order that is not
# that of ids; all accounts are locked in the latter.
ok_run($worker, q{INSERT INTO community.signup_reward (program_id, name, side, currency_id, points, after)
	SELECT program_id, 'stayed', side, currency_id, 1, '1 day' FROM community.currency, unnest(ARRAY['referee', 'sponsor']) AS side WHERE code = 'miles'});
ok_run($app, $_) foreach 'BEGIN', q{SELECT community.redeem(1, 1, 'first of two', 'miles')};
is(set_to_work('CALL community.run_maintenance()'), 'waits', 'rewards wait for an account');
ok_run($app, $_) foreach q{SELECT community.redeem(3, 1, 'second of two', 'miles')}, 'COMMIT';
is((answer($worker))[0], '00000', 'and are given');
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM community.signup_reward_given'), '>', MEMBERS, 'to either side');

is(join(' ', lines_of($node, 'postgres', q{SELECT proname FROM pg_proc WHERE pronamespace = 'community'::regnamespace AND prokind = 'p' ORDER BY 1})),
	join(' ', sort map { $_->[0] =~ /^(\w+)/ } @procedure),
	'these are all procedures');
is($node->safe_psql('postgres', q{SELECT count(*) FROM community.check_installation('full')}), '0', 'and all is well');

disconnect($_) foreach $worker, $app, $probe, $watch;
$node->stop;
done_testing();
