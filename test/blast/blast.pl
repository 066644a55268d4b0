#!/usr/bin/perl
# test/blast/blast.pl: calls everything with bad input; see Blast.pm.
#
#   script/withpg test/blast/blast.pl [--calls N] [--seed S] [--encoding E]
#       [--database D] [--strict] [--tally]
#
# Makes and populates a database, unless it is named.  --strict counts as
# findings also the constraints that a call ran into; --tally says how the
# calls of each function ended.  Ends with 1 if there are findings.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;
use Blast;
use Getopt::Long;

my %option = (calls => 10000, seed => 1, encoding => 'UTF8', database => '');
GetOptions(\%option, qw(calls=i seed=i encoding=s database=s strict tally)) or exit 2;
if (!$option{database})
{
	$option{database} = 'blast_' . lc $option{encoding};
	system('psql', '-Xq', '-c', "DROP DATABASE IF EXISTS $option{database}", '-c',
		"CREATE DATABASE $option{database} TEMPLATE template0 ENCODING '$option{encoding}' LOCALE 'C'") == 0
	  or die "cannot make database $option{database}\n";
	system('psql', '-Xq', '-d', $option{database}, '-o', '/dev/null', '-f', "$FindBin::RealBin/populate.sql") == 0
	  or die "cannot populate database $option{database}\n";
}
my $blast = Blast->new(
	folder => $ENV{PGHOST}, port => $ENV{PGPORT} || 5432, user => $ENV{PGUSER} || 'postgres',
	%option);
my $start = time;
$blast->call foreach 1 .. $option{calls};
if ($option{tally})
{
	foreach my $name (sort keys %{ $blast->{tally} })
	{
		my $code = $blast->{tally}{$name};
		printf "%-28s %6d ms  %s\n", $name, $blast->{took}{$name}, join ' ', map { "$_:$code->{$_}" }
		  sort { $code->{$b} <=> $code->{$a} } keys %$code;
	}
	my @slow = sort { $b->[0] <=> $a->[0] } @{ $blast->{slowest} // [] };
	printf "slow: %d ms  %s\n", $_->[0], substr $_->[1], 0, 300 foreach grep { defined } @slow[ 0 .. 20 ];
}
printf "finding: %s, %s: %s\n    %s\n", @$_{qw(class name said sql)} foreach @{ $blast->{finding} };
my @fault = $blast->audit;
print "fault: $_\n" foreach @fault;
print "no value for arguments of $_\n" foreach sort keys %{ $blast->{no_value} // {} };
printf "%d calls in %d s with seed %d: %d findings, %d faults\n",
  $blast->{count}{calls}, time - $start, $option{seed}, scalar @{ $blast->{finding} }, scalar @fault;
exit(@{ $blast->{finding} } || @fault ? 1 : 0);
