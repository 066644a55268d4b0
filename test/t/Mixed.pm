# The full mixed load: all that members do, by eight clients at once, with an
# auditor and maintenance beside them.  014_mixed.pl runs it undisturbed,
# 015_faults.pl while the server is killed, starved and interrupted.
#
# Clients are twins: two of them have the same random stream, so every request
# is delivered twice, at about the same time.  Each writes down what the server
# has acknowledged.  What must hold afterwards is in MixedAudit.pm.
package Mixed;

use strict;
use warnings FATAL => 'all';
use Digest::MD5 qw(md5);
use Exporter 'import';
use List::Util qw(max);
use Load;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(mixed_setup mixed_load mixed_read_logs CLIENTS);

use constant { CLIENTS => 8, MEMBERS => 30 };

# ---- two programs alike, so that what one does must not be seen in the other

sub mixed_setup
{
	my ($node) = @_;
	$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION community;
CREATE SEQUENCE history_n;
CREATE TABLE log (client int, what text, kind text, key text, program bigint, member bigint, id bigint, figure bigint);
CREATE TABLE history (n bigint DEFAULT nextval('history_n'), program bigint, id int, customer bigint, total bigint, paid boolean, key text);
CREATE FUNCTION note_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO history (program, id, customer, total, paid, key)
	SELECT tg_argv[0]::bigint, o.id, o.customer, o.total, o.paid AND tg_op <> 'DELETE', o.key
	FROM (SELECT (CASE tg_op WHEN 'DELETE' THEN old ELSE new END).*) AS o;
	RETURN NULL;
END $$;
SQL
	$node->safe_psql('postgres', <<"SQL") foreach 'shop', 'forum';
SELECT community.create_program('$_') AS p \\gset
SET community.program = '$_';
CREATE TABLE $_ (id int PRIMARY KEY, customer bigint, total bigint, paid boolean, at timestamptz DEFAULT now(), key text);
CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON $_ FOR EACH ROW EXECUTE FUNCTION note_order(:p);
SELECT community.attach('$_', 'order', 'customer', 'total', 'at', condition => 'paid');
UPDATE community.currency SET return_policy = 'within_balance' WHERE program_id = :p;
INSERT INTO community.currency (program_id, code) VALUES (:p, 'cash'), (:p, 'miles');
INSERT INTO community.accrual_rule (program_id, name, type, currency_id, position, effect, points, per, recipient)
SELECT program_id, v.name, v.type, currency_id, v.position, v.effect, v.points, v.per, v.recipient
FROM community.currency JOIN (VALUES
	('orders', 'order', 'miles', 1, 'per_unit', 1, 100, 'member'), ('sales', 'sale', 'miles', 2, 'per_unit', 1, 100, 'member'),
	('posts', 'post', 'points', 1, 'fixed', 5, NULL, 'member'), ('thanks', 'thank', 'points', 2, 'fixed', 3, NULL, 'target'))
	AS v (name, type, currency, position, effect, points, per, recipient) ON v.currency = code
WHERE program_id = :p;
INSERT INTO community.cap (program_id, name, currency_id, rules, maximum, period)
SELECT program_id, 'posts', currency_id, '{posts}', 200, 'calendar day' FROM community.currency WHERE program_id = :p AND code = 'points';
SELECT community.set_paid_levels(3);
SELECT community.define_commission_plan('sale', '{sale}', '[0.10, 0.05, 0.02]', 'cash', from_time => '2024-01-01');
SELECT community.define_measure('spend', 'sum', '{sale,order}') AS spend \\gset
INSERT INTO community.ladder (program_id, name, demotion) VALUES (:p, 'status', 'drop'), (:p, 'club', 'never');
INSERT INTO community.tier (program_id, ladder_id, rank, name, entry, seats)
SELECT program_id, ladder_id, v.rank, v.name, v.entry, v.seats FROM community.ladder JOIN (VALUES
	('status', 1, 'silver', 'qualify', NULL), ('status', 2, 'gold', 'qualify', NULL), ('club', 1, 'founder', 'none', 5))
	AS v (ladder, rank, name, entry, seats) ON v.ladder = ladder.name WHERE program_id = :p;
INSERT INTO community.tier_requirement (program_id, ladder_id, rank, measure_id, period, attain)
SELECT program_id, ladder_id, rank, :spend, 'rolling 30 days', rank * rank * 40000
FROM community.tier WHERE program_id = :p AND entry = 'qualify';
SELECT community.define_benefit('welcome', 'points', points => 50, currency => 'points');
SELECT community.list_benefit('status', 'gold', 'welcome', valid => '(,)');
SELECT community.publish_ladder('status', '-infinity');
SELECT community.publish_ladder('club', '-infinity');
SELECT community.define_score_model('super', '[{"kind": "engagement", "transform": "percentile"}, {"kind": "referrals", "transform": "percentile"}]', every => 'calendar day', top_share => 0.1);
SELECT community.enroll(i, sponsor => nullif(i / 3, 0), joined_at => '2024-01-01') FROM generate_series(1, @{[MEMBERS]}) AS i;
SQL
	$node->safe_psql('postgres', 'CREATE ROLE audit LOGIN; SELECT community.grant_auditor(\'audit\')');
	return;
}

# ---- what is asked

# Requests of one pair of twins, one after the other: the same for both.  What
# comes back has no influence, so a request may name what was refused before.
sub requests
{
	my ($phase, $pair, $program) = @_;
	my $state = 1 + $pair * 7919;
	$state = ($state * 31 + ord) % 2147483647 foreach split //, $phase;
	my $dice = sub {
		$state = ($state * 48271 + 11) % 2147483647;
		return ($state >> 8) % $_[0];
	};
	my (%past, $n);
	my $earlier = sub {
		my $of = $past{ $_[0] } // [];
		return @$of ? $of->[ $dice->(scalar @$of) ] : undef;
	};
	my @kind = (
		('sale') x 14, ('post') x 7, ('thank') x 3, ('inbox') x 3, ('refund') x 9,
		('order') x 11, ('paid') x 5, ('gone') x 2, ('bulk') x 1,
		('accrue') x 7, ('redeem') x 6, ('transfer') x 5, ('undo') x 5,
		('hold') x 4, ('capture') x 3, ('release') x 2,
		('enroll') x 4, ('move') x 3, ('merge') x 1, ('close') x 1, ('evaluate') x 1,
		('group') x 1, ('join') x 3, ('leave') x 1, ('envelope') x 2, ('claim') x 3, ('seat') x 2, ('vacate') x 1);
	return sub {
		my $op;
		while (!$op)
		{
			my $kind = $kind[ $dice->(scalar @kind) ];
			my $p = $dice->(4) ? 0 : 1;
			my $signup = $dice->(5) ? undef : $earlier->("enroll $p");
			$op = request($kind, {
					key => sprintf('%s %d %d', $phase, $pair, ++$n),
					program => $program->[$p],
					table => $p ? 'forum' : 'shop',
					member => $signup ? $signup->{member} : 1 + $dice->(1 + $dice->(MEMBERS)),
					points => 1 + $dice->(60),
					amount => 1 + $dice->(1 + $dice->(20000)),
					currency => ('points', 'points', 'cash', 'miles')[ $dice->(4) ] },
				$dice, sub { $earlier->("$_[0] $p") });
			next unless $op;
			my $list = $past{"$op->{kind} $p"} //= [];
			push @$list, $op;
			shift @$list if @$list > 30;
		}
		return $op;
	};
}

# A request: what is asked, how it is found again, and what of it a log tells.
# Each gives id, figure and whether it is a replay.  "reuse" is the same key
# for something else.
sub request
{
	my ($kind, $op, $dice, $earlier) = @_;
	my ($key, $p, $m, $points, $amount, $currency) = @$op{qw(key program member points amount currency)};
	my $other = 1 + ($m + $dice->(MEMBERS - 1)) % MEMBERS;
	my $call = sub {
		my ($columns, $function, @argument) = @_;
		return "SELECT $columns FROM community.$function(" . join(', ', @argument, "program => $p") . ')';
	};
	my $with = sub {
		my ($as, $sql, $reuse) = @_;
		return { %$op, kind => $as, sql => $sql, reuse => $reuse };
	};

	# events
	if ($kind =~ /^(sale|post|thank)$/)
	{
		my @more = $kind eq 'thank' ? ("target => $other") : ();
		push @more, "occurred_at => date_trunc('day', now()) - interval '" . (1 + $dice->(3)) . " days'" if $dice->(10) == 0;
		$amount = 0 if $kind ne 'sale';
		my $columns = 'event_id, amount, replay::int';
		return $with->('record', $call->($columns, 'record', $m, "'$kind'", "'$key'", $amount, @more),
			$call->($columns, 'record', $m, "'$kind'", "'$key'", $amount + 1, @more));
	}
	if ($kind eq 'inbox')
	{
		my $sql = "INSERT INTO community.inbox (program_id, member_id, type, key, amount) VALUES ($p, $m, 'sale', '$key', $amount)"
		  . ' RETURNING 0, amount, 0';
		return { %{ $with->('record', $sql) }, inbox => 1 };
	}
	if ($kind eq 'refund')
	{
		my $of = $earlier->('record') or return;
		my $part = $dice->(3) ? 1 + $dice->($of->{amount}) : 'NULL';
		my $columns = 'event_id, amount, replay::int';
		my @argument = ("'$of->{key}'", "'returned'", $part, "request_key => '$key'");
		return { %{ $with->('refund', $call->($columns, 'reverse', @argument),
					$part eq 'NULL' ? undef : $call->($columns, 'reverse', @argument[0, 1], $part + 1, $argument[3])) },
			member => $of->{member} };
	}

	# rows of the attached table
	# that enrols who is not known; no others than these, so that it is known who was enrolled by whom
	my $customer = 5000 + $dice->(100);
	my ($table, $id) = ($op->{table}, 1 + $dice->(150));
	($m, $op->{member}) = ($customer, $customer) if $kind eq 'order' && ($m > MEMBERS || $dice->(8) == 0);
	my $returning = 'RETURNING id, total, 0';
	return $with->('order', "INSERT INTO $table (id, customer, total, paid, key) VALUES ($id, $m, $amount, true, '$key')"
		. " ON CONFLICT (id) DO UPDATE SET customer = excluded.customer, total = excluded.total, paid = true, key = excluded.key $returning")
	  if $kind eq 'order';
	return $with->('change', "UPDATE $table SET paid = NOT paid WHERE id = $id") if $kind eq 'paid';
	return $with->('change', "UPDATE $table SET total = total + 7 WHERE id % 30 = $id % 30") if $kind eq 'bulk';
	return $with->('change', "DELETE FROM $table WHERE id = $id") if $kind eq 'gone';

	# points
	my $posting = 'entry_id, points, replay::int';
	if ($kind =~ /^(accrue|redeem|hold)$/)
	{
		my @more = ("'$key'", "'$currency'");
		push @more, "expires_at => 'infinity'" if $kind eq 'hold';
		return $with->($kind, $call->($posting, $kind, $m, $points, @more), $call->($posting, $kind, $m, $points + 1, @more));
	}
	return $with->('transfer', $call->($posting, 'transfer', $m, $other, $points, "'$key'", "'$currency'"),
		$call->($posting, 'transfer', $m, $other, $points + 1, "'$key'", "'$currency'"))
	  if $kind eq 'transfer';
	if ($kind =~ /^(capture|release)$/)
	{
		my $of = $earlier->('hold') or return;
		return { %{ $with->($kind, $call->($posting, $kind, "'$of->{key}'")) }, key => $of->{key}, member => $of->{member} };
	}
	if ($kind eq 'undo')
	{
		my $of = $earlier->(('accrue', 'redeem', 'transfer', 'capture')[ $dice->(4) ]) or return;
		my $part = $dice->(2) ? 1 + $dice->($of->{points}) : 'NULL';
		return { %{ $with->('undo', $call->('event_id, amount, replay::int', 'reverse', "'$of->{key}'", "'mistake'", $part,
						"source => 'ledger'", "request_key => '$key'")) }, member => $of->{member} };
	}

	# members and who brought whom
	if ($kind eq 'enroll')
	{
		my $new = 1_000_000 + unpack 'N', md5($key);
		return { %{ $with->('enroll', $call->("m, $m, 0", 'enroll', $new, "sponsor => $m") . ' AS m') },
			key => $new, member => $new };
	}
	my $signup = $earlier->('enroll');
	if ($kind eq 'move')
	{
		# the first fifteen stay where they are, so that it is known whom they pay
		my $who = $signup && $dice->(2) ? $signup->{member} : 16 + $dice->(15);
		return { %{ $with->('move', $call->("m, $m, 0", 'reparent', $who, $m, "'$key'") . ' AS m WHERE m IS NOT NULL') }, member => $who };
	}
	return $with->('evaluate', $call->('count(*)', 'evaluate', $m)) if $kind eq 'evaluate';
	if ($kind =~ /^(merge|close)$/)
	{
		my $who = $signup && $dice->(2) ? $signup->{member} : $customer;
		return $with->('close', $call->("$who", 'close_member', $who, "'left'")) if $kind eq 'close';
		return { %{ $with->('merge', $call->("$who, $other, 0", 'merge_members', $who, $other, "'$key'")) }, member => $who };
	}

	# what there are only so many of
	my $of_group = sub { " FROM community.group_buy AS g, community.$_[0] WHERE g.program_id = $p AND g.key = '$_[1]'" };
	if ($kind eq 'group')
	{
		my $open = sub { "SELECT g, $_[0], 0 FROM community.open_group($m, 5, date_trunc('day', now()) + interval '20 days', '$key', $_[0], program => $p) AS g" };
		return $with->('group', $open->($amount), $open->($amount + 1));
	}
	if ($kind =~ /^(join|leave)$/)
	{
		my $of = $earlier->($kind eq 'join' ? 'group' : 'join') or return;
		return { %{ $with->('join', 'SELECT g.group_id, 0, replay::int' . $of_group->("join_group($m, g.group_id, '$key', program => $p)", $of->{key})) },
			of => $of->{key} }
		  if $kind eq 'join';
		return { %{ $with->('leave', 'SELECT g.group_id, 0, 0' . $of_group->("leave_group($of->{member}, g.group_id, 'off', '$key', $p)", $of->{of})) },
			member => $of->{member} };
	}
	if ($kind eq 'envelope')
	{
		my $issue = sub { "SELECT e, $_[0], 0 FROM community.issue_envelope($m, $_[0], 3, '$key', seed => 1, program => $p) AS e" };
		return $with->('envelope', $issue->(3 + $points % 3), $issue->(10));
	}
	if ($kind eq 'claim')
	{
		my $of = $earlier->('envelope') or return;
		return $with->('claim', "SELECT e.envelope_id, c.points, c.replay::int FROM community.envelope AS e,"
			. " community.claim_envelope(e.envelope_id, $m, '$key', $p) AS c WHERE e.program_id = $p AND e.key = '$of->{key}'");
	}
	return $with->('seat', $call->('replay', 'claim_seat', $m, "'club'", "'founder'", "'$key'")) if $kind eq 'seat';
	my $of = $earlier->('seat') or return;
	return { %{ $with->('vacate', $call->('1', 'release_seat', $of->{member}, "'club'", "'founder'", "'off'", "'$key'")) }, member => $of->{member} };
}

# ---- who asks

# What a client may be told: codes of ours, but for a key that was used for
# something else; and of the server's, to try again.  25P02 is what comes after
# a cancel that met a ROLLBACK.
my $refused = qr/^(CM00[2356]|CM01[23]|CM02\d|CM03\d|CM04\d|55000)$/;
my $again = qr/^(40001|40P01|55P03|57014|25P02)$/;

sub note_of
{
	my ($client, $what, $op, $id, $figure) = @_;
	print { $client->{log} } join("\t", $client->{number}, $what, @$op{qw(kind key program member)}, $id // 0, $figure // 0), "\n";
	return;
}

# A statement, again for as long as it should be tried again.
sub insist
{
	my ($client, $sql) = @_;
	foreach my $try (1 .. $client->{patience})
	{
		my ($state, @row) = run($client->{session}, $sql);
		return ($state, @row) unless defined $state && $state =~ $again;
		$client->{count}{$state}++;
		run($client->{session}, 'ROLLBACK') if $state eq '25P02';
		pause($try);
	}
	return 'gave up';
}

sub pause
{
	my ($try) = @_;
	sleep rand() * 0.002 * ($try < 50 ? $try : 50);
	return;
}

# Do the requests of one transaction, again with the same keys for as long as
# that is the thing to do.  False when the server is gone; whether anything
# of it was done is then unknown.
sub transaction
{
	my ($client, $end, $undo, @op) = @_;
	my @step = @op;
	unshift @step, 'SAVEPOINT s', $undo, 'ROLLBACK TO s' if $undo;
	@step = ('BEGIN', @step, $end || 'COMMIT') if $end || $undo || @op > 1;
	foreach my $try (1 .. $client->{patience})
	{
		my ($asked, $state, @row) = ($op[0]);
		foreach my $step (@step)
		{
			$asked = $step if ref $step;
			($state, my @answer) = run($client->{session}, ref $step ? $step->{sql} : $step);
			last unless defined $state;
			push @row, $answer[0] if ref $step && $step != ($undo // 0);
			$state = '00000' if $undo && $step eq $undo && $state =~ $refused;
			last if $state ne '00000';
		}
		if (!defined $state)
		{
			note_of($client, 'unknown', $_) foreach $end eq 'ROLLBACK' ? () : @op;
			$client->{redo} = [ $end, $undo, @op ];
			return 0;
		}
		$client->{count}{$state}++;
		if ($state eq '00000' && $end ne 'ROLLBACK')
		{
			foreach my $i (0 .. $#op)
			{
				my ($id, $figure) = split / /, $row[$i] // '';
				note_of($client, 'ack', $op[$i], $id, $figure) if defined $figure;
			}
			return @op == 1 ? delivered_again($client, $op[0], $row[0]) : 1;
		}
		return 1 if $state eq '00000';
		# without room even that may have to be said twice
		foreach (@step > 1 || $state eq '25P02' ? 1 .. 50 : ())
		{
			last if ((run($client->{session}, 'ROLLBACK'))[0] // '00000') eq '00000';
			sleep 0.05;
		}
		if ($state !~ $again)
		{
			note_of($client, "wrong $state", $asked) unless $state =~ $refused || $state =~ $client->{also};
			return 1;
		}
		pause($try);
	}
	$client->{count}{'gave up'}++;
	return 1;
}

# Some requests are delivered once more, by one who has the answer already; and
# some keys are used for something else.
sub delivered_again
{
	my ($client, $op, $row) = @_;
	my $dice = rand;
	if ($dice < 0.15 && defined $row && $row =~ /^[1-9]\d* -?\d+ [01]$/ && $op->{kind} !~ /^(order|move)$/)
	{
		my ($state, @row) = insist($client, $op->{sql});
		return 0 unless defined $state;
		$client->{count}{'sent again'}++;
		my ($same) = $row =~ /(.*) /;
		note_of($client, "wrong replay $state @row, not $same", $op)
		  unless $state eq 'gave up' || $state =~ $client->{also}
		  || ($state eq '00000' && $row[0] =~ /^$same ([01])$/ && ($1 || $op->{sql} !~ /replay/));
	}
	elsif ($dice > 0.93 && $op->{reuse} && defined $row)
	{
		my ($state) = insist($client, $op->{reuse});
		return 0 unless defined $state;
		$client->{count}{'key reused'}++;
		note_of($client, "wrong reuse $state", $op)
		  unless $state eq 'gave up' || $state eq 'CM001' || $state =~ $client->{also};
	}
	return 1;
}

sub client
{
	my ($node, $load, $number) = @_;
	my $level = $load->{levels}[ $number % @{ $load->{levels} } ];
	my $client = { number => $number, also => $load->{also} // qr/^$/ };
	open $client->{log}, '>>', "$PostgreSQL::Test::Utils::tmp_check/log.@{[ $load->{books} // 'main' ]}.$number" or die;
	$client->{log}->autoflush(1);
	my $next = requests($load->{phase}, int($number / 2), $load->{programs});
	srand $number;
	# of twins only one is impatient, so that the other gets on
	my %setting = $number % 2 ? %{ $load->{settings} // {} } : ();
	$client->{patience} = %setting ? 20 : 200;
	$client->{session} = connect_as($node, $level, '', %setting);
	my $n = 0;
	my $happened = "$PostgreSQL::Test::Utils::tmp_check/happened $load->{phase}";
	while (is_wanted() && ($load->{operations} ? $n < $load->{operations} / CLIENTS
			: time < $load->{until} || $n < ($load->{least} // 0) || ($load->{during} && !-e $happened)))
	{
		# what is unknown since the server died is asked for again, most of it
		my $redo = delete $client->{redo};
		if ($redo && rand() < 0.8)
		{
			next if transaction($client, @$redo);
		}
		else
		{
			# the order in which twins draw must be the same
			my $shape = ++$n % 12;
			my @op = map { $next->() } 1 .. ($shape == 3 ? 3 : $shape == 7 ? 2 : 1);
			$client->{count}{operations} += @op;
			next
			  if $shape == 7 ? transaction($client, 'COMMIT', @op)
			  : transaction($client, $shape == 5 ? 'ROLLBACK' : $shape == 3 ? 'COMMIT' : '', undef, @op);
		}
		$client->{count}{'connection lost'}++;
		$client->{session} = reconnect($client->{session});
	}
	disconnect($client->{session});
	append_to_file("$PostgreSQL::Test::Utils::tmp_check/mixed.count",
		join '', map { "$load->{phase}\t$_\t$client->{count}{$_}\n" } sort keys %{ $client->{count} });
	return;
}

# The books are in order at any moment, as somebody else sees them.
my @look = (
	q{SELECT c.rule, c.program_id, c.member_id, c.currency, c.object, c.detail FROM community.check_installation() AS c},
	q{SELECT * FROM community.envelope_status WHERE points <> claimed + unclaimed + returned},
	q{SELECT a.* FROM community.account AS a WHERE a.currency = 'points' AND a.deficit > 0},
	q{SELECT c.rule, c.program_id, c.member_id, c.currency, c.object, c.detail FROM community.check_installation('full') AS c WHERE c.rule <> 'long-tail'});

sub auditor
{
	my ($node, $load, $done) = @_;
	beside($node, $load, 'audit', 0.3, 'repeatable read', @look);
	return;
}

# Maintenance, and whatever else is done for everybody.
sub maintainer
{
	my ($node, $load) = @_;
	beside($node, $load, '', 0.05, 'read committed', map {
			my $p = $load->{programs}[$_];
			my $table = ('shop', 'forum')[$_];
			("CALL community.process_inbox(100, $p)", "CALL community.run_maintenance(program => $p)",
				"CALL community.review_tiers(program => $p)", "CALL community.backfill('$table', 'order', 50, $p)",
				"CALL community.fold_accounts(2, 500, $p)", "SELECT FROM community.relabel_referrals($p)") } 0, 1);
	return;
}

# Run statements, one after the other, until the clients have ended.  After each
# there is a rest, twice as long as it took where that is longer: the clients
# are to get on however much there is to look at.  What they say that they should
# not goes to a file.
sub beside
{
	my ($node, $load, $role, $rest, $level, @sql) = @_;
	my $dir = $PostgreSQL::Test::Utils::tmp_check;
	my $session = connect_as($node, $level, $role);
	my ($n, $seen) = (0, 0);
	while (is_wanted() && !-e "$dir/end $load->{phase}")
	{
		my $sql = $sql[ $n++ % @sql ];
		my $began = time;
		my ($state, @row) = run($session, $sql);
		if (!defined $state)
		{
			$session = reconnect($session);
			next;
		}
		$seen++ if $state eq '00000';
		append_to_file("$dir/mixed.beside", "$load->{phase}\t" . join(' ', $sql, $state, @row) . "\n")
		  if @row || $state !~ /^(00000|40001|40P01|55P03|57014|55006)$/ && $state !~ ($load->{also} // qr/^$/);
		my $due = time + max($rest, 2 * (time - $began));
		sleep 0.05 while time < $due && !-e "$dir/end $load->{phase}";
	}
	disconnect($session);
	append_to_file("$dir/mixed.count", "$load->{phase}\t" . ($role || 'maintenance') . "\t$seen\n");
	return;
}

# Run the load.  What is to happen meanwhile happens here, and puts off the end.
# Gives what was counted.
sub mixed_load
{
	my ($node, %load) = @_;
	my $dir = $PostgreSQL::Test::Utils::tmp_check;
	$load{programs} = [ split /\n/, $node->safe_psql('postgres', 'SELECT program_id FROM community.program ORDER BY program_id') ];
	my $began = time;
	$load{until} = $began + $load{seconds} if $load{seconds};
	my $where = $load{connstr} // $node;
	my @beside = map { start_process($_, $where, \%load) } \&auditor, \&maintainer;
	my @client = map { start_process(\&client, $where, \%load, $_) } 0 .. CLIENTS - 1;
	if ($load{during})
	{
		$load{during}->();
		# and some time to get over it
		sleep 0.5;
		append_to_file("$dir/happened $load{phase}", '');
	}
	wait_for("$load{phase}, clients", @client);
	append_to_file("$dir/end $load{phase}", '');
	wait_for("$load{phase}, beside them", @beside);
	my %count = (seconds => time - $began);
	foreach (split /\n/, slurp_file("$dir/mixed.count"))
	{
		my ($phase, $what, $n) = split /\t/;
		$count{$what} += $n if $phase eq $load{phase};
	}
	return \%count;
}

# Put the clients' logs into table log.  A load on another server than the
# first one has books of its own.
sub mixed_read_logs
{
	my ($node, $books) = @_;
	$books //= 'main';
	my $dir = $PostgreSQL::Test::Utils::tmp_check;
	$node->safe_psql('postgres', 'TRUNCATE log; ' . join('', map { "COPY log FROM '$dir/log.$books.$_';" } 0 .. CLIENTS - 1));
	return;
}

1;
