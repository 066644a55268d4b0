# Calls, thousands to millions of them in one session, whose memory does not
# grow.  Were this broken, a session of a connection pool would eat the server's
# memory in the course of days.
#
#   COMMUNITY_MEMORY_CALLS   of each that computes; 10,000,000 in make test-long.
#                            Of those that look into tables a tenth, of those
#                            that write a hundredth.
#
# What a session keeps is looked at twice: in the statement that has just made
# the calls, and after it.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;
use Community;
use PostgreSQL::Test::Utils;
use Test::More;

my $calls = $ENV{COMMUNITY_MEMORY_CALLS} || 10_000;
my %share = (pure => 1, read => 10, write => 100);
my $batch = $calls < 1_000_000 ? 200 : 1000;

# bytes; caches of the server's grow by some kB, whatever is called
my $limit = $calls < 1_000_000 ? 16384 : 262144;

my $used = '(SELECT sum(used_bytes) FROM pg_backend_memory_contexts)';

my $node = new_node('main');
$node->safe_psql('postgres', 'CREATE DATABASE memory');
run_log([ 'psql', '-Xq', '-d', $node->connstr('memory'), '-o', '/dev/null', '-f',
		"$FindBin::RealBin/../blast/populate.sql" ]) or die 'cannot populate';

open my $in, '<', "$FindBin::RealBin/../memory/calls" or die "calls: $!";
my @call = map { [ split /\t/ ] } grep { !/^#|^$/ } map { chomp; $_ } <$in>;

# a leak, to see that one is seen: a statement that is prepared and kept
my @planted = ('planted', 'read', 'pg_temp.leak($n)');

# Statements that make calls FIRST to LAST; the last one gives what is used.
sub statements
{
	my ($kind, $expression, $first, $last) = @_;
	my $step = $kind eq 'write' ? $batch : $last - $first + 1;
	my $sql = '';
	for (my $at = $first; $at <= $last; $at += $step)
	{
		my $end = $at + $step - 1;
		$end = $last if $end > $last;
		my $call = $expression =~ s/\$n/n/gr;
		$sql .= "SELECT count($call), $used FROM (SELECT generate_series($at, $end) AS n) AS s\n";
		$sql .= $end < $last ? ";\n" : '';
	}
	return $sql;
}

my $sql = q{
	SET client_min_messages = error;
	SET community.program = 'shop';
	SET search_path = public, community;
	SET work_mem = '1GB';
	CREATE FUNCTION pg_temp.leak(n bigint) RETURNS bigint LANGUAGE plpgsql AS $$
	BEGIN
		EXECUTE format('PREPARE leak%s AS SELECT 1', n);
		RETURN n;
	END $$;
	CREATE FUNCTION pg_temp.code_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		EXECUTE statement;
		RETURN 'ok';
	EXCEPTION WHEN OTHERS THEN
		RETURN sqlstate;
	END $$;
	SELECT count(community.accrue(g, 1000000000, 'much ' || g)) FROM generate_series(1, 117) AS g;
};
my $warm = 2 * $batch;
foreach (@call, \@planted)
{
	my ($name, $kind, $expression) = @$_;
	my $count = $calls / $share{$kind};
	$count = $batch if $count < $batch;
	# what the session learns at first it may keep
	$sql .= statements($kind, $expression, 1, $batch) . "\\gset old_\n";
	$sql .= statements($kind, $expression, $batch + 1, $warm) . "\\gset old_\n";
	$sql .= "SELECT sum(used_bytes) AS before FROM pg_backend_memory_contexts \\gset\n";
	$sql .= "SELECT sum(used_bytes) AS before FROM pg_backend_memory_contexts \\gset\n";
	$sql .= statements($kind, $expression, $warm + 1, $warm + $count) . "\\gset new_\n";
	$sql .= "SELECT sum(used_bytes) AS after FROM pg_backend_memory_contexts \\gset\n";
	$sql .= "\\echo $name $count :old_sum :new_sum :before :after\n";
}
my $file = "$PostgreSQL::Test::Utils::tmp_check/memory.sql";
append_to_file($file, $sql);
my ($out, $err) = run_command([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('memory'), '-f', $file ]);
is($err, '', 'all calls were made');

my %grown;
foreach (split /\n/, $out)
{
	my ($name, $count, $old, $new, $before, $after) = /^(\w+) (\d+) (\d+) (\d+) (\d+) (\d+)$/ or next;
	$grown{$name} = $after - $before > $new - $old ? $after - $before : $new - $old;
	note "$name: $count calls, " . ($new - $old) . ' bytes within, ' . ($after - $before) . ' bytes after';
}
foreach (@call)
{
	my ($name) = @$_;
	cmp_ok($grown{$name} // 'inf', '<=', $limit, "$name keeps no memory");
}
cmp_ok($grown{planted} // 0, '>', $limit, 'memory that is kept is noticed');
$node->stop;
done_testing();
