# Everything that can be called, called with bad input.  Were this broken, an
# argument could end the server or a query of ours, work without end, leave
# something behind, tell of another program, or put the books out of order.
#
#   COMMUNITY_BLAST_CALLS   in each encoding; 200,000 in make test-long
#   COMMUNITY_BLAST_SEED    where the random calls begin; 1
#   COMMUNITY_SLOW          how many times as long a call may take; 10 in
#                           make sanitize
#
# What is found once is put right and kept in sql/core_input.sql and its like.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin, "$FindBin::RealBin/../blast";
use Blast;
use Community;
use PostgreSQL::Test::Utils;
use Test::More;

my $calls = $ENV{COMMUNITY_BLAST_CALLS} || 1500;
my $seed = $ENV{COMMUNITY_BLAST_SEED} || 1;
my $long = $calls > 5000;
my $chunk = 50000;

my $node = new_node('main');

# A database of that encoding, filled anew.
sub populate
{
	my ($encoding) = @_;
	my $name = lc $encoding;
	$node->safe_psql('postgres', "DROP DATABASE IF EXISTS $name");
	$node->safe_psql('postgres',
		"CREATE DATABASE $name TEMPLATE template0 ENCODING '$encoding' LOCALE 'C'");
	my $out = run_log([ 'psql', '-Xq', '-d', $node->connstr($name), '-o', '/dev/null', '-f',
			"$FindBin::RealBin/../blast/populate.sql" ]);
	die "cannot populate $name" if !$out;
	return $name;
}

sub blast_on
{
	my ($database, $at) = @_;
	return Blast->new(folder => $node->host, port => $node->port, user => scalar getpwuid($<),
		database => $database, seed => $at);
}

# ---- every call, at random; each chunk on a database of its own
foreach my $encoding ($long ? qw(UTF8 SQL_ASCII LATIN1 EUC_CN EUC_JP) : qw(UTF8 SQL_ASCII))
{
	my $left = $calls;
	for (my $at = $seed; $left > 0; $at++)
	{
		my $blast = blast_on(populate($encoding), $at);
		$blast->call foreach 1 .. ($left < $chunk ? $left : $chunk);
		is_deeply([ map { "$_->{class}, $_->{name}: $_->{said}\n$_->{sql}" } @{ $blast->{finding} } ],
			[], "$encoding, seed $at: nothing is found");
		is_deeply([ $blast->audit ], [], "$encoding, seed $at: the books are in order");
		is_deeply([ sort keys %{ $blast->{no_value} // {} } ], [],
			"$encoding, seed $at: there are values for every type of argument");
		my %called = %{ $blast->{tally} };
		is_deeply([ grep { !$called{$_} } sort map { $_->{name} } @{ $blast->{target} } ], [],
			"$encoding, seed $at: everything has been called") if $blast->{count}{calls} >= 5000;
		$left -= $chunk;
	}
}

# ---- functions of triggers where they do not belong
my $blast = blast_on('utf8', $seed);
my $wrong = $blast->misplaced_triggers;
is_deeply([ map { "$_->{name}: $_->{said}\n$_->{sql}" } @{ $blast->{finding} } ], [],
	'functions of triggers are refused on wrong tables, or do no harm');
cmp_ok($wrong, '>', 200, 'many such triggers were made');
is_deeply([ $blast->audit ], [], 'and the books are in order');

# ---- the server is still the one that was started
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC|TRAP:/,
	'no process of the server has crashed');
$node->stop;
done_testing();
