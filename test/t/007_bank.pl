# A bank under load.  Were this broken, points would be lost or counted twice
# where clients collide, retry, roll back or lose their server; a balance would
# be spent twice; or a check of the books would see a fault that is none.
#
#   COMMUNITY_BANK_SECONDS   of each isolation level; 60 in make test-long
#   COMMUNITY_BANK_KILLS     kill -9 of the server in each level; 2 there
#
# Eight clients work on twenty members.  Each keeps a log of what the server
# has acknowledged, and at the end the ledger must say the same.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;
use Community;
use Load;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use constant { CLIENTS => 8, MEMBERS => 20 };
my $seconds = $ENV{COMMUNITY_BANK_SECONDS} || 6;
my $kills = $ENV{COMMUNITY_BANK_KILLS} || 0;
my $dir = $PostgreSQL::Test::Utils::tmp_check;

my $node = load_node('main');
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION community;
SELECT community.create_program('bank');
-- one that never goes below zero, one whose debts are paid by later credits
UPDATE community.currency SET return_policy = 'within_balance';
INSERT INTO community.currency (program_id, code) VALUES (community.current_program(), 'miles');
SELECT community.enroll(i) FROM generate_series(1, 20) AS i;
CREATE ROLE audit LOGIN;
SELECT community.grant_auditor('audit');
CREATE TABLE log (client int, what text, key text, kind text, member bigint, other bigint,
	currency text, points bigint, entry_id bigint);
SQL

# ---- what a client does

# An operation: what is asked, and what of it a log must tell.
sub operation
{
	my ($key, $random, $client) = @_;
	my $kind = (('accrue') x 8, ('redeem') x 5, ('transfer') x 4, ('hold') x 3)[ $random->(20) ];
	my $op = {
		key => $key,
		kind => $kind,
		member => 1 + $random->(1 + $random->(MEMBERS)),
		other => 0,
		currency => $random->(3) ? 'points' : 'miles',
		points => 1 + $random->(60) };
	my $arguments = "$op->{points}, '$key', '$op->{currency}'";
	if ($kind eq 'transfer')
	{
		$op->{other} = 1 + ($op->{member} + $random->(MEMBERS - 1)) % MEMBERS;
		$arguments = "$op->{other}, $arguments";
	}
	elsif ($kind eq 'hold' || ($kind eq 'accrue' && $random->(6) == 0))
	{
		$arguments .= ", expires_at => to_timestamp(" . (POSIX::floor(time) + 2 + $random->(4)) . ")";
	}
	$op->{sql} = "SELECT entry_id, points, replay::int FROM community.$kind($op->{member}, $arguments)";
	return $op;
}

# An operation on what stands under a key already.
sub sequel
{
	my ($of, $kind) = @_;
	my $what = $kind eq 'reverse' ? "event_id, amount, replay::int FROM community.reverse('$of->{key}', 'x', source => 'ledger')"
	  : "entry_id, points, replay::int FROM community.$kind('$of->{key}')";
	return { %$of, kind => $kind, sql => "SELECT $what" };
}

sub note_of
{
	my ($client, $what, $op, $points, $entry_id) = @_;
	print { $client->{log} } join("\t", $client->{number}, $what, $op->{key}, $op->{kind},
		$op->{member}, $op->{other}, $op->{currency}, $points // 0, $entry_id // 0), "\n";
	return;
}

# Refusals that are part of the game: too few points, a hold that timed out,
# nothing left to reverse, a time that has passed while waiting.
my $refusal = qr/^(CM012|CM013|CM006|22023)$/;

sub acknowledged
{
	my ($client, $op, $row) = @_;
	my ($entry_id, $points, $replay) = split / /, $row;
	note_of($client, 'ack', $op, $points, $entry_id);
	return if $op->{done}++;
	push @{ $client->{holds} }, $op if $op->{kind} eq 'hold';
	push @{ $client->{moves} }, $op if $op->{kind} =~ /^(accrue|redeem|transfer|capture)$/;
	push @{ $client->{past} }, { %$op, row => "$entry_id $points" };
	shift @{ $client->{past} } if @{ $client->{past} } > 50;
	return;
}

# Do the operations of one transaction, again for as long as it could not be
# serialized.  What is in "undo" is rolled back to a savepoint.  False when the
# server is gone; what was asked for last is then unknown.
sub transaction
{
	my ($client, $end, $undo, @op) = @_;
	my $session = $client->{session};
	my $block = $end ne '' || $undo || @op > 1;
	foreach my $try (1 .. 2000)
	{
		my (@row, $state);
		my @step = $block ? ('BEGIN') : ();
		push @step, 'SAVEPOINT s', $undo, 'ROLLBACK TO s' if $undo;
		push @step, @op;
		push @step, $end || 'COMMIT' if $block;
		foreach my $step (@step)
		{
			my $sql = ref $step ? $step->{sql} : $step;
			($state, my @answer) = run($session, $sql);
			last unless defined $state;
			push @row, $answer[0] if ref $step && $state eq '00000' && $step != ($undo // 0);
			# what is undone may fail as well
			next if $state eq '00000' || ($undo && $step eq $undo && $state =~ $refusal);
			last;
		}
		if (!defined $state)
		{
			note_of($client, $end eq 'ROLLBACK' ? 'abort' : 'unknown', $_) foreach @op;
			$client->{redo} = [ $end, $undo, @op ];
			return 0;
		}
		if ($state eq '00000')
		{
			if ($end eq 'ROLLBACK')
			{
				note_of($client, 'abort', $_) foreach @op;
				return 1;
			}
			note_of($client, 'abort', $undo) if $undo;
			acknowledged($client, $op[$_], $row[$_]) foreach 0 .. $#op;
			return 1;
		}
		run($session, 'ROLLBACK') if $block;
		if ($state ne '40001')
		{
			note_of($client, "wrong $state", $op[0]) unless $state =~ $refusal;
			return 1;
		}
		sleep rand() * 0.002 * ($try < 50 ? $try : 50);
	}
	note_of($client, 'wrong: no end of 40001', $op[0]);
	return 1;
}

# A key that is used again: for the same, and for something else.
sub retry
{
	my ($client) = @_;
	my $past = $client->{past};
	return 1 unless @$past;
	my $op = $past->[ int rand @$past ];
	my ($state, @row);
	do
	{
		($state, @row) = run($client->{session}, $op->{sql});
		return 0 unless defined $state;
	} while ($state eq '40001');
	note_of($client, "wrong retry $state @row, not $op->{row}", $op)
	  unless $state eq '00000' && $row[0] eq "$op->{row} 1";
	return 1 unless $op->{kind} =~ /^(accrue|redeem|transfer)$/;
	(my $other = $op->{sql}) =~ s/, '$op->{key}'/ + 1, '$op->{key}'/;
	do
	{
		($state) = run($client->{session}, $other);
		return 0 unless defined $state;
	} while ($state eq '40001');
	note_of($client, "wrong reuse $state", $op) unless $state eq 'CM001';
	return 1;
}

sub step
{
	my ($client, $n) = @_;
	my $random = sub { int rand $_[0] };
	my $key = sub { "$client->{phase} $client->{number} $n" . ($_[0] // '') };
	my $dice = int rand 100;

	# twins ask for the same at about the same time
	if ($n % 6 == 0)
	{
		my $pair = int($client->{number} / 2);
		my $state = ($n * 7919 + $pair * 104729 + length($client->{phase}) * 31) % 2147483647;
		my $same = sub { $state = ($state * 48271 + 11) % 2147483647; return ($state >> 8) % $_[0] };
		$same->(2) foreach 1 .. 3;
		my $op = operation("$client->{phase} twins $pair $n", $same);
		# holds and short lots name a time, by which twins would differ
		$op->{sql} =~ s/, expires_at => .*\)\)$/, expires_at => 'infinity')/;
		return transaction($client, '', undef, $op);
	}
	return retry($client) if $dice < 8;
	if ($dice < 18 && @{ $client->{holds} })
	{
		my $hold = splice @{ $client->{holds} }, int rand @{ $client->{holds} }, 1;
		return transaction($client, '', undef, sequel($hold, rand() < 0.7 ? 'capture' : 'release'));
	}
	if ($dice < 28 && @{ $client->{moves} })
	{
		my $move = splice @{ $client->{moves} }, int rand @{ $client->{moves} }, 1;
		return transaction($client, '', undef, sequel($move, 'reverse'));
	}
	return transaction($client, 'ROLLBACK', undef, operation($key->(), $random)) if $dice < 36;
	return transaction($client, 'COMMIT', operation($key->(' undone'), $random),
		operation($key->(), $random))
	  if $dice < 46;
	if ($dice < 54)
	{
		# several in one, in the order in which accounts are locked
		my @op = grep { $_->{kind} =~ /^(accrue|redeem)$/ }
		  map { operation($key->(" part $_"), $random) } 1 .. 4;
		@op = sort { $a->{member} <=> $b->{member} || $b->{currency} cmp $a->{currency} } @op;
		return 1 unless @op;
		return transaction($client, 'COMMIT', undef, @op);
	}
	return transaction($client, '', undef, operation($key->(), $random));
}

sub client
{
	my ($phase, $level, $number, $until) = @_;
	my $client = { phase => $phase, number => $number, holds => [], moves => [], past => [] };
	open $client->{log}, '>>', "$dir/bank.log.$number" or die;
	$client->{log}->autoflush(1);
	srand length($phase) * 1000 + $number;
	$client->{session} = connect_as($node, $level);
	my $n = 0;
	while (time < $until)
	{
		# what is unknown since the server died is asked for again, half of it
		my $redo = delete $client->{redo};
		next if $redo && rand() < 0.5 ? transaction($client, @$redo) : step($client, ++$n);
		$client->{session} = reconnect($client->{session});
	}
	disconnect($client->{session});
	return;
}

# The books are in order at any moment, as somebody else sees them.
sub auditor
{
	my ($phase, $until) = @_;
	open my $log, '>>', "$dir/bank.audit" or die;
	$log->autoflush(1);
	my $session = connect_as($node, 'read committed', 'audit');
	while (time < $until)
	{
		my ($state, @row) = run($session,
			q{SELECT c.rule, c.member_id, c.currency, c.object, c.detail FROM community.check_installation() AS c});
		if (!defined $state)
		{
			$session = reconnect($session);
			next;
		}
		print $log "$phase: $state @row\n";
		sleep 0.3;
	}
	disconnect($session);
	return;
}

# ---- what must hold afterwards

my %nothing = (
	'nothing is lost: what was acknowledged is there as it was told' => q{
		SELECT l.* FROM log AS l WHERE l.what = 'ack' AND NOT EXISTS (
			SELECT FROM community.entry AS e WHERE e.key = l.key AND e.event_id = 0
				AND e.entry_id = l.entry_id AND e.points = l.points AND e.member_id = l.member
				AND e.kind = CASE l.kind WHEN 'transfer' THEN 'transfer_out' ELSE l.kind END)},
	'nothing is there twice' => q{
		SELECT e.key, e.kind, count(*) FROM community.entry AS e
		GROUP BY e.program_id, e.key, e.kind, e.member_id HAVING count(*) > 1},
	'a key means one entry to all who use it' => q{
		SELECT l.key, l.kind FROM log AS l WHERE l.what = 'ack'
		GROUP BY 1, 2 HAVING count(DISTINCT l.entry_id) > 1},
	'nothing is there that nobody asked for, or that was rolled back' => q{
		SELECT e.key, e.kind, e.line FROM community.entry AS e
		WHERE NOT EXISTS (SELECT FROM log AS l
			WHERE l.key = e.key AND l.what IN ('ack', 'unknown')
				AND l.kind = CASE WHEN e.kind LIKE 'transfer%' THEN 'transfer' ELSE e.kind END)},
	'no answer was wrong' => q{SELECT l.* FROM log AS l WHERE l.what LIKE 'wrong%'},
	# from the clients' logs alone, but for what was under way when a server died
	'the sums of all members are those of the log' => q{
		WITH told AS (
			SELECT DISTINCT l.key, l.kind, l.member, l.other, l.currency, l.points
			FROM log AS l WHERE l.what = 'ack'
		), moved AS (
			SELECT t.member, t.currency, t.points FROM told AS t
			UNION ALL
			SELECT t.other, t.currency, -t.points FROM told AS t WHERE t.other <> 0
			UNION ALL
			SELECT e.member_id, c.code, e.points FROM community.entry AS e
			JOIN community.currency AS c ON c.currency_id = e.currency_id
			WHERE NOT EXISTS (SELECT FROM told AS t WHERE t.key = e.key
				AND t.kind = CASE WHEN e.kind LIKE 'transfer%' THEN 'transfer' ELSE e.kind END)
		), due AS (
			SELECT m.member, m.currency, sum(m.points) AS points FROM moved AS m GROUP BY 1, 2
		), has AS (
			SELECT a.member_id, c.code, (SELECT coalesce(sum(l.points), 0)
				FROM community.lots(a.purse) AS l) AS points
			FROM community.account_purse AS a
			JOIN community.currency AS c ON c.currency_id = a.currency_id
		)
		(TABLE due EXCEPT TABLE has) UNION ALL (TABLE has EXCEPT TABLE due)},
	'no balance was ever below zero' => q{
		SELECT * FROM (
			SELECT e.member_id, e.recorded_at, sum(e.points) OVER (PARTITION BY e.member_id
				ORDER BY e.recorded_at, e.entry_id) AS balance
			FROM community.entry AS e JOIN community.currency AS c ON c.currency_id = e.currency_id
			WHERE c.code = 'points') AS b
		WHERE b.balance < 0},
	'debits of an account follow each other in time' => q{
		SELECT e.member_id, e.currency_id, e.recorded_at FROM community.entry AS e
		WHERE e.posted GROUP BY 1, 2, 3 HAVING count(*) > 1},
	'the books agree' => q{
		SELECT c.* FROM community.check_installation('full') AS c WHERE c.rule <> 'long-tail'});

sub check_books
{
	my ($phase) = @_;
	$node->safe_psql('postgres',
		'TRUNCATE log; ' . join('', map { "COPY log FROM '$dir/bank.log.$_';" } 0 .. CLIENTS - 1));
	foreach my $what (sort keys %nothing)
	{
		is($node->safe_psql('postgres', "SELECT * FROM ($nothing{$what}) AS x LIMIT 5"),
			'', "$phase: $what");
	}
	my %count = map { split /\|/ } lines_of($node, 'postgres', qq{
		SELECT l.kind, count(*) FROM log AS l WHERE l.what = 'ack' AND l.key LIKE '$phase %' GROUP BY 1});
	cmp_ok($count{$_} // 0, '>=', 3, "$phase: $_ " . ($count{$_} // 0) . ' times')
	  foreach qw(accrue redeem transfer hold capture release reverse);
	my @audit = grep { /^$phase:/ } split /\n/, slurp_file("$dir/bank.audit");
	is(join("\n", grep { !/^$phase: 00000 $/ } @audit), '', "$phase: books agree at any moment");
	cmp_ok(scalar @audit, '>=', 1, "$phase: which was seen " . @audit . ' times');
	return;
}

sub bank
{
	my ($phase, $level, $crashes) = @_;
	my $until = time + $seconds;
	my @pid = map { start_process(\&client, $phase, $level, $_, $until) } 0 .. CLIENTS - 1;
	push @pid, start_process(\&auditor, $phase, $until);

	# a report that stays open all the time
	my $report = 'SELECT count(*), coalesce(sum(points), 0), md5(coalesce(community.sum(delta), $${}$$)::text) FROM community.entry';
	my ($old, @first);
	if (!$crashes)
	{
		$old = connect_as($node, 'repeatable read', 'audit');
		run($old, 'BEGIN');
		@first = run($old, $report);
	}
	foreach (1 .. $crashes)
	{
		sleep $seconds / ($crashes + 1) - 0.5;
		restart_after_kill($node);
	}
	wait_for($phase, @pid);
	if ($old)
	{
		is_deeply([ run($old, $report) ], \@first, "$phase: an old snapshot sees what it saw");
		is_deeply([ run($old, 'SELECT * FROM community.check_installation()') ],
			['00000'], "$phase: and books that agree");
		disconnect($old);
	}
	check_books($phase);
	return;
}

my @level = ('read committed', 'repeatable read', 'serializable');
bank($_, $_, 0) foreach @level;
cmp_ok(
	$node->safe_psql('postgres', q{SELECT count(*) FROM community.account_fold WHERE folded_to <> '{}'}),
	'>', 0, 'long tails were folded on the way');
bank("crash $_", $_, $kills || 1) foreach $kills ? @level : 'read committed';
is($node->safe_psql('postgres', q{SELECT count(*) FROM log WHERE what = 'unknown'}) > 0,
	1, 'operations were under way when the server died');
unlike(slurp_file($node->logfile), qr/deadlock detected/, 'nobody has waited in a circle');

# ---- a hundred points, wanted by twenty at the same time
foreach my $level (@level)
{
	my $member = 100 + length $level;
	$node->safe_psql('postgres', qq{
		SELECT community.enroll($member), community.accrue($member, 101, '$level in'),
			community.redeem($member, 1, '$level one')});
	my $keeper = connect_as($node, 'read committed');
	run($keeper, 'BEGIN');
	run($keeper, "SELECT FROM community.account_fold WHERE member_id = $member FOR UPDATE");
	foreach my $round ('first', 'second')
	{
		my @psql = map {
			psql_start($node, 'postgres', "$level $round $_", <<"SQL") } 1 .. 20;
\\set VERBOSITY sqlstate
SET default_transaction_isolation = '$level';
SELECT points, replay FROM community.redeem($member, 100, '$level $_');
SQL
		# all have begun before any can end
		if ($round eq 'first')
		{
			$node->poll_query_until('postgres', q{SELECT count(*) = 20 FROM pg_stat_activity
				WHERE query LIKE '%community.redeem%' AND wait_event_type = 'Lock'});
			run($keeper, 'COMMIT');
		}
		$_->finish foreach @psql;
		my @out = map { psql_output("$level $round $_") } 1 .. 20;
		my @refused = map { slurp_file("$dir/$level $round $_.err") =~ /ERROR:\s+(\w{5})/ ? $1 : () } 1 .. 20;
		my @won = grep { $_ ne '' } @out;
		is_deeply(\@won, [ $round eq 'first' ? "-100|f\n" : "-100|t\n" ],
			"$level, $round try: one of twenty redeems all there is");
		is(scalar(grep { $_ eq 'CM012' || ($_ eq '40001' && $round eq 'first' && $level ne 'read committed') } @refused),
			19, "$level, $round try: the others are refused");
	}
	disconnect($keeper);
	is($node->safe_psql('postgres', qq{SELECT available FROM community.balance($member)}),
		'0', "$level: nothing is left");
}
is($node->safe_psql('postgres', q{SELECT c.* FROM community.check_installation('full') AS c WHERE c.rule <> 'long-tail'}),
	'', 'and the books agree');

$node->stop;
done_testing();
