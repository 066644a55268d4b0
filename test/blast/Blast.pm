# Calls everything that the extension offers with bad input: functions,
# procedures, aggregates, operators, casts, and the input and binary input of
# types.  A call may end in a value or in a clean error.  These are findings:
#
#   - the server goes away
#   - an error of class XX, which is what a bare elog() and a failed assertion
#     of the server's own give
#   - a statement of ours that the server cannot parse: something was pasted
#     into it
#   - a call that does not heed statement_timeout
#   - a warning of the server about what was left behind
#   - a message that names something of another program
#
# Whoever asks may also have the functions of triggers put on wrong tables.
# Everything follows from the seed, so a run can be repeated; each finding
# says its statement.
package Blast;

use strict;
use warnings FATAL => 'all';
use Time::HiRes qw(sleep time);
use Values;
use Wire;

# a server that checks itself is slow; see script/sanitize
use constant SLOW => $ENV{COMMUNITY_SLOW} || 1;
use constant {
	TIMEOUT => 300 * SLOW,     # statement_timeout, in ms
	GRACE => 250 * SLOW        # what may pass after it
};

# Text that these take is SQL of the caller's own, and so are errors in it.
my $takes_sql = qr/^(?:rfm_scores|fit_\w+|ltv_validate|ltv_holdout|program_lift|pagerank|degrees|core_numbers|betweenness_sample|constraint_scores|reciprocity|density|graph_figures|attach|backfill|define_measure)$/;

# a random number below the limit; a small generator of our own, as that of
# Perl differs from one system to the next
sub generator
{
	my ($state) = @_;
	return sub {
		my ($limit) = @_;
		$state = ($state * 1103515245 + 12345) % 2147483648;
		return int($state / 2147483648 * $limit);
	};
}

# new(folder =>, port =>, user =>, database =>, seed =>)
sub new
{
	my ($class, %option) = @_;
	my $self = bless { %option, finding => [], count => {}, tally => {} }, $class;
	$self->{random} = generator($option{seed} * 7919 + 1);
	$self->connect;
	$self->{values} = Values::learn($self->{wire});
	$self->{target} = $self->targets;
	return $self;
}

# Go on as that role, and name that program in every call that has an argument
# for it: what it holds must not be told.
sub confine
{
	my ($self, $role, $program) = @_;
	my $answer = $self->{wire}->query("SET SESSION AUTHORIZATION $role");
	die "$answer->{message}\n" if $answer->{code} ne 'ok';
	@$self{qw(confined foreign)} = (1, $program);
	$self->{target} = [ grep { grep { $_->[0] eq 'program' } @{ $_->{args} } } @{ $self->{target} } ];
	return;
}

# As often as it takes: the server may be recovering.
sub connect
{
	my ($self) = @_;
	foreach my $try (1 .. 600)
	{
		my $answer;
		my $wire = eval { Wire->new(@$self{qw(folder port user database)}) };
		$answer = $wire->query(sprintf q{SET statement_timeout = %d; SET lock_timeout = '5s';
			SET TimeZone = 'UTC'; SET community.program = 'shop'; SET client_min_messages = warning;
			SELECT pg_backend_pid()}, TIMEOUT) if $wire;
		if ($answer && $answer->{code} eq 'ok')
		{
			@$self{qw(wire pid)} = ($wire, $answer->{value});
			return;
		}
		die $@ || "$answer->{message}\n" if $try == 600;
		sleep 0.1;
	}
	return;
}

sub rows
{
	my ($self, $sql) = @_;
	my $answer = $self->{wire}->query(
		"SELECT string_agg(concat_ws(chr(31), VARIADIC r), chr(30)) FROM ($sql) AS t (r)");
	die "$answer->{message}: $sql\n" if $answer->{code} ne 'ok';
	return map { [ split /\x1f/, $_, -1 ] } split /\x1e/, $answer->{value} // '';
}

# What there is to call: {kind, name, result, args => [[name, type]...], defaults}
sub targets
{
	my ($self) = @_;
	my @target;
	foreach my $row ($self->rows(q{
		SELECT ARRAY[p.prokind::text, p.proname, format_type(p.prorettype, NULL), p.pronargdefaults::text,
			CASE WHEN p.provolatile = 'v' THEN 'writes' ELSE '' END,
			(SELECT string_agg(coalesce((SELECT (array_agg(n ORDER BY o))[a.o] FROM
					(SELECT n, row_number() OVER (ORDER BY i) AS o FROM unnest(p.proargnames) WITH ORDINALITY AS u (n, i)
						WHERE coalesce(p.proargmodes[i], 'i') IN ('i', 'b', 'v')) AS i), '') || '=' || format_type(a.t, NULL), ',' ORDER BY a.o)
				FROM unnest(p.proargtypes) WITH ORDINALITY AS a (t, o))]
		FROM pg_proc AS p WHERE p.pronamespace = 'community'::regnamespace
		ORDER BY p.oid::regprocedure::text COLLATE "C"}))
	{
		my ($kind, $name, $result, $defaults, $writes, $args) = @$row;
		my @arg = map { [ split /=/, $_, 2 ] } split /,/, $args // '';
		next if grep { $_->[1] eq 'internal' } @arg;
		push @target, { kind => $kind, name => $name, result => $result, defaults => $defaults,
			writes => $writes, args => \@arg };
	}
	push @target, map { { kind => 'operator', name => $_->[0],
			args => [ map { [ '', $_ ] } grep { $_ ne '-' } @$_[ 1, 2 ] ] } } $self->rows(q{
		SELECT ARRAY[oprname, CASE WHEN oprleft = 0 THEN '-' ELSE format_type(oprleft, NULL) END, format_type(oprright, NULL)]
		FROM pg_operator WHERE oprnamespace = 'community'::regnamespace ORDER BY oid::regoperator::text COLLATE "C"});
	push @target, map { { kind => 'cast', name => $_->[1], args => [ [ '', $_->[0] ] ] } } $self->rows(q{
		SELECT ARRAY[format_type(castsource, NULL), format_type(casttarget, NULL)] FROM pg_cast
		WHERE 'community'::regnamespace IN (SELECT typnamespace FROM pg_type WHERE oid IN (castsource, casttarget))
		ORDER BY 1});
	# base types by text and by bytes, rows and arrays by bytes
	foreach my $row ($self->rows(q{
		SELECT ARRAY[format_type(oid, NULL), oid::text, typtype::text] FROM pg_type AS t
		WHERE typnamespace = 'community'::regnamespace AND (typrelid = 0 AND typelem = 0
			OR typtype = 'c' AND (SELECT relkind FROM pg_class WHERE oid = typrelid) = 'c'
			OR typelem IN (SELECT oid FROM pg_type WHERE typtype = 'b' AND typelem = 0))
		ORDER BY format_type(oid, NULL) COLLATE "C"}))
	{
		my ($name, $oid, $type) = @$row;
		push @target, ({ kind => 'text', name => $name }) x 3 if $Values::NASTY{$name};
		push @target, ({ kind => 'bytes', name => $name, oid => $oid }) x ($type eq 'b' ? 3 : 1);
	}
	return \@target;
}

# Argument by argument; none if there is no value for a type.
sub arguments
{
	my ($self, $target, $nastiness) = @_;
	my ($random, $values) = @$self{qw(random values)};
	my ($n, @expression) = (scalar @{ $target->{args} });
	my $named = 1;
	foreach my $i (0 .. $n - 1)
	{
		my ($name, $type) = @{ $target->{args}[$i] };
		my $optional = $i >= $n - ($target->{defaults} // 0);
		if ($self->{confined} && $name eq 'program')
		{
			push @expression, "program => $self->{foreign}";
			next;
		}
		next if $optional && $named && $random->(100) < 55;
		my $value;
		$value = $values->plausible($random, $name, $type) if $random->(100) >= $nastiness;
		$value = defined $value ? "$value" : $values->nasty($random, $type);
		return if !defined $value;
		$value = "($value)::$type" if $value !~ /::\Q$type\E$/;
		push @expression, $name ne '' ? "$name => $value" : $value;
	}
	return \@expression;
}

# The statement of a call, or none.
sub statement
{
	my ($self, $target) = @_;
	my $random = $self->{random};
	my $nastiness = (4, 15, 60)[ $random->(3) ];
	my $kind = $target->{kind};
	if ($kind eq 'text')
	{
		my $text = $self->mutated_text($target->{name});
		return "SELECT $text\::$target->{name}" . ($random->(4) ? '' : ' AS x ORDER BY 1');
	}
	return $self->aggregate($target, $nastiness) if $kind eq 'a';
	my $args = $self->arguments($target, $nastiness) or return;
	if ($kind eq 'operator')
	{
		unshift @$args, '' if @$args == 1;
		return "SELECT $args->[0] OPERATOR(community.$target->{name}) $args->[1]";
	}
	return "SELECT CAST($args->[0] AS $target->{name})" if $kind eq 'cast';
	my $call = "community.$target->{name}(" . join(', ', @$args) . ')';
	return "CALL $call" if $kind eq 'p';
	return "SELECT * FROM $call" if $target->{result} !~ /trigger$/ && $random->(4);
	return "SELECT $call";
}

# An aggregate over some rows: plain, ordered, filtered, as a window, in groups.
sub aggregate
{
	my ($self, $target, $nastiness) = @_;
	my $random = $self->{random};
	my @type = map { $_->[1] } @{ $target->{args} };
	my @row;
	foreach (1 .. 1 + $random->(6))
	{
		my $args = $self->arguments({ %$target, args => [ map { [ '', $_ ] } @type ], defaults => 0 }, $nastiness);
		return if !$args;
		push @row, '(' . join(', ', @$args) . ')';
	}
	my $list = join ', ', map { "c$_" } 1 .. @type;
	my $from = 'FROM (VALUES ' . join(', ', @row) . ") AS v ($list), generate_series(1, "
	  . (1, 1, 2, 300)[ $random->(4) ] . ') AS g';
	my $call = "community.$target->{name}";
	return "SELECT $call($list) $from"
	  . ('', ' WHERE false', ' GROUP BY g % 3', '')[ $random->(4) ] if $random->(2);
	return "SELECT $call($list) FILTER (WHERE c1 IS NOT NULL) $from" if $random->(3) == 0;
	return "SELECT $call($list) OVER (ORDER BY g ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING) $from" if $random->(2);
	return "SELECT $call($list ORDER BY g DESC) $from";
}

# Text that is nearly what a type's input reads.
sub mutated_text
{
	my ($self, $type) = @_;
	my $random = $self->{random};
	my @value = grep { /^'/ } (@{ $Values::NASTY{$type} }, @{ $Values::NASTY{cstring} }[ $random->(20) ]);
	my $text = substr $value[ $random->(scalar @value) ], 1, -1;
	foreach (1 .. $random->(4))
	{
		my $at = $random->(1 + length $text);
		my $what = $random->(4);
		my $piece = (',', '{', '}', '[', ')', '#', '@', '-', '9', '99999999999999999999', 'infinity', ' ', 'Z', '+24:00', 'e9', '/', '.', ':')[ $random->(18) ];
		if ($what == 0) { substr($text, $at, 0, $piece); }
		elsif ($what == 1 && $at < length $text) { substr($text, $at, 1, $piece); }
		elsif ($what == 2 && length $text) { $text = substr $text, 0, $at; }
		elsif (length $text < 5000) { $text .= substr $text, $at; }
	}
	# doubling may have parted a pair of quotes
	return "'" . ($text =~ s/'+/''/gr) . "'";
}

# Bytes that are nearly what a type's binary input reads.
sub mutated_bytes
{
	my ($self, $target) = @_;
	my ($random, $values) = @$self{qw(random values)};
	my $of = $self->{bytes}{ $target->{name} } //= do {
		my @sample = ('');
		foreach my $expression (@{ $Values::NASTY{ $target->{name} } // [] },
			$self->samples($target->{name}))
		{
			my $answer = $self->{wire}->query("COPY (SELECT ($expression)::$target->{name}) TO STDOUT (FORMAT binary)");
			# signature, flags, extension, number of columns, length
			push @sample, substr $answer->{copied}, 25, -2
			  if $answer->{code} eq 'ok' && length($answer->{copied} // '') > 25;
		}
		\@sample;
	};
	my $bytes = $of->[ $random->(scalar @$of) ];
	foreach (1 .. $random->(5))
	{
		my $at = $random->(1 + length $bytes);
		my $piece = ("\0", "\xff", "\x7f", "\x80", "\x01", "\xff\xff\xff\xff", "\x7f\xff\xff\xff", "\x10\0\0\1", "\0\0\0\0\0\0\0\0",
			"\x7f\xff\xff\xff\xff\xff\xff\xff", "\x80\0\0\0\0\0\0\0")[ $random->(11) ];
		my $what = $random->(4);
		if ($what == 0) { substr($bytes, $at, 0, $piece); }
		elsif ($what == 1) { substr($bytes, $at, length $piece, $piece); }
		elsif ($what == 2) { $bytes = substr $bytes, 0, $at; }
		elsif (length $bytes < 5000) { $bytes .= substr $bytes, $at; }
	}
	return $bytes;
}

sub samples
{
	my ($self, $type) = @_;
	return ("ARRAY['x'::${\ $type =~ s/\[\]$//r}]") if $type =~ /\[\]$/ && 0;
	return map { $self->{values}->plausible($self->{random}, '', $type) // 'NULL' } 1 .. 3;
}

# ms that the backend has worked; none where that cannot be told
sub worked
{
	my ($self) = @_;
	open my $file, '<', "/proc/$self->{pid}/stat" or return;
	my $line = readline $file;
	close $file;
	# after the name, which may hold anything: state is field 3, utime 14
	my @field = split / /, $line =~ s/^.*\) //sr;
	return ($field[11] + $field[12]) * 10;
}

# One call, judged.
sub call
{
	my ($self) = @_;
	my ($random, $wire) = @$self{qw(random wire)};
	my ($target, $sql, $answer);
	$target = $self->{target}[ $random->(scalar @{ $self->{target} }) ];
	my ($begin, $end) = $random->(10) < 7 ? ('BEGIN; ', '; ROLLBACK') : ('', '');
	my $before = $self->worked;
	my $start = time;
	if ($target->{kind} eq 'bytes')
	{
		my $bytes = $self->mutated_bytes($target);
		$sql = "receive $target->{name} " . unpack 'H*', $bytes;
		($before, $start) = ($self->worked, time);
		$answer = $wire->receive($target->{oid}, $bytes);
	}
	else
	{
		$sql = $self->statement($target);
		if (!defined $sql)
		{
			$self->{no_value}{ $target->{name} }++;
			return;
		}
		$answer = $wire->query("$begin$sql$end");
		$wire->query('ROLLBACK') if $begin && $answer->{code} ne 'ok';
	}
	my $passed = (time - $start) * 1000;
	$self->{count}{calls}++;
	$self->{tally}{ $target->{name} }{ $answer->{code} }++;
	$self->{took}{ $target->{name} } += $passed;
	push @{ $self->{slowest} }, [ $passed, $sql ] if $passed > TIMEOUT;
	$self->judge($target, "$begin$sql$end", $answer);
	if ($wire->{lost}) { $self->connect; }
	elsif ($passed > TIMEOUT + GRACE)
	{
		# the machine may have been busy otherwise: what counts is the work
		my $worked = defined $before ? $self->worked - $before : 0;
		$self->found('timeout', $target, "$begin$sql$end", sprintf 'worked for %d ms', $worked)
		  if $worked > TIMEOUT + GRACE;
	}
	return $answer;
}

sub judge
{
	my ($self, $target, $sql, $answer) = @_;
	my $code = $answer->{code};
	my $said = join ' ', map { $answer->{$_} // '' } qw(message detail hint);
	if ($code eq 'lost') { $self->found('lost', $target, $sql, $said); }
	elsif ($code =~ /^XX/) { $self->found('internal', $target, $sql, "$code $said"); }
	elsif ($code =~ /^42/ && $answer->{inner} && $target->{name} !~ $takes_sql)
	{
		$self->found('pasted', $target, $sql, "$code $said");
	}
	elsif ($code =~ /^2350/ && $said =~ /violates/ && $self->{strict})
	{
		$self->found('constraint', $target, $sql, "$code $said");
	}
	if ($self->{confined} && ($answer->{told} || ($said =~ /secret/i && $sql !~ /secret/i)))
	{
		$self->found('told', $target, $sql, $said);
	}
	foreach my $notice (@{ $answer->{notices} })
	{
		$self->found('left', $target, $sql, $notice)
		  if $notice =~ /\bleak|problem in|not closed|still referenced|snapshot|buffer refcount/i;
	}
	$self->found('told', $target, $sql, $said)
	  if $said =~ /secret/i && $sql !~ /secret/i && $sql !~ /program => \(?(?:$self->{values}{program}{forum})\b/
	  && $sql !~ /program => \(\D/;
	return;
}

sub found
{
	my ($self, $class, $target, $sql, $said) = @_;
	# one of a kind is enough
	my $kind = join ' ', $class, $target->{name}, $said =~ s/"[^"]*"|\d+/#/gr;
	return if $self->{known}{$kind}++;
	$sql = substr($sql, 0, 2000) . ' ...' if length $sql > 2000;
	push @{ $self->{finding} }, { class => $class, name => $target->{name}, sql => $sql, said => $said };
	return;
}

# Each function of a trigger on tables that it was not made for, at each time
# and level, with and without arguments; the statements that fire them.
sub misplaced_triggers
{
	my ($self) = @_;
	my @done;
	my %rows = (INSERT => q{INSERT INTO wrong VALUES (1, 'a', NULL, 'x'), (2, 'b', '{}', 'y')},
		UPDATE => q{UPDATE wrong SET program_id = program_id + 1, member_id = 'c'},
		DELETE => 'DELETE FROM wrong', TRUNCATE => 'TRUNCATE wrong');
	my @function = map { $_->[0] } $self->rows(q{SELECT ARRAY[proname] FROM pg_proc
		WHERE pronamespace = 'community'::regnamespace AND prorettype = 'trigger'::regtype ORDER BY 1});
	foreach my $function (@function)
	{
		foreach my $when ('BEFORE', 'AFTER')
		{
			foreach my $event (sort keys %rows)
			{
				foreach my $level ('ROW', 'STATEMENT')
				{
					next if $event eq 'TRUNCATE' && $level eq 'ROW';
					foreach my $arguments ('', q{'', '99999999999999999999'})
					{
						push @done, $self->misplace($function, "$when $event", "EACH $level", $arguments,
							$rows{$event});
					}
				}
			}
		}
	}
	# tables that have names of ours, but not the columns; and a view
	foreach my $table (qw(benefit tier_benefit award_requirement accrual_rule cap commission_plan
		commission_rate signup_reward referral_setting fraud_rule ladder tenure measure referral))
	{
		push @done, $self->misplace($_, 'BEFORE UPDATE', 'EACH ROW', '', $rows{UPDATE} =~ s/wrong/$table/r, $table)
		  foreach @function;
	}
	push @done, $self->misplace($_, 'INSTEAD OF INSERT', 'EACH ROW', '',
		q{INSERT INTO wrong_view VALUES (1, 'a', NULL, 'x')}, 'wrong_view') foreach @function;
	foreach my $function ('on_table_changed', 'on_table_dropped')
	{
		foreach my $event ('ddl_command_start', 'ddl_command_end', 'sql_drop')
		{
			my $sql = "BEGIN; CREATE EVENT TRIGGER wrong ON $event EXECUTE FUNCTION community.$function();"
			  . ' CREATE TABLE wrong (a int); DROP TABLE wrong; ROLLBACK';
			push @done, $sql;
			$self->judged({ kind => 'f', name => $function }, $sql);
		}
	}
	return @done;
}

sub misplace
{
	my ($self, $function, $time, $level, $arguments, $fire, $table) = @_;
	$table //= 'wrong';
	my $sql = q{BEGIN; CREATE SCHEMA wrong; SET LOCAL search_path = wrong; CREATE TABLE wrong (program_id int, member_id text, payload jsonb, valid text);}
	  . q{ INSERT INTO wrong VALUES (7, 'z', NULL, NULL); ALTER TABLE wrong DROP COLUMN payload;}
	  . q{ ALTER TABLE wrong ADD COLUMN payload jsonb; CREATE VIEW wrong_view AS TABLE wrong;}
	  . ($table =~ /^wrong/ ? '' : " ALTER TABLE wrong RENAME TO $table;")
	  . " CREATE TRIGGER t $time ON $table FOR $level EXECUTE FUNCTION community.$function($arguments);"
	  . " $fire; ROLLBACK";
	$self->judged({ kind => 'f', name => $function }, $sql);
	return $sql;
}

sub judged
{
	my ($self, $target, $sql) = @_;
	my $answer = $self->{wire}->query($sql);
	$self->{wire}->query('ROLLBACK') if $answer->{code} ne 'ok';
	$self->judge($target, $sql, $answer);
	$self->connect if $self->{wire}{lost};
	return $answer;
}

# What the books say after all that: one row a fault.
sub audit
{
	my ($self) = @_;
	$self->{wire}->query('SET statement_timeout = 0');
	my @fault;
	foreach my $program (sort { $a <=> $b } values %{ $self->{values}{program} })
	{
		push @fault, $self->rows("SELECT ARRAY[c::text] FROM community.check_installation('full', $program) AS c");
	}
	$self->{wire}->query('SET statement_timeout = ' . TIMEOUT);
	return map { $_->[0] } @fault;
}

1;
