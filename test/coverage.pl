#!/usr/bin/perl
# test/coverage.pl RESULT: read the counters that the tests have left beside the
# objects, and print a line for each file, the room's and all.
#
# Lines are those that gcov knows.  Branches are counted twice: all, as gcov
# counts them, which includes the ones hidden in macros of the server's; and
# those of lines that we have written as such: with if, for, while, do, case,
# ?, && or ||, and none of ereport, elog, Assert, CHECK_FOR_INTERRUPTS or PG_TRY.
#
# RESULT gets "summary" and for each file the lines that no test reaches, and
# those with a branch that none takes.
use strict;
use warnings FATAL => 'all';
use IO::Uncompress::Gunzip qw(gunzip $GunzipError);
use File::Temp qw(tempdir);
use JSON::PP;

my ($result) = @ARGV;
my $folder = tempdir(CLEANUP => 1);
my $json = JSON::PP->new;
my (%line, %branch, %text);

foreach my $notes (sort glob 'src/*/*.gcno')
{
	(my $object = $notes) =~ s/\.gcno$/.o/;
	system("cd $folder && rm -f *.gz && gcov --json-format --branch-probabilities $ENV{PWD}/$object >/dev/null 2>&1");
	foreach my $file (glob "$folder/*.gz")
	{
		my $text;
		gunzip $file => \$text or die "$file: $GunzipError\n";
		foreach my $source (@{ $json->decode($text)->{files} })
		{
			my $name = $source->{file} =~ s{^\Q$ENV{PWD}\E/}{}r;
			next if $name !~ m{^src/};
			foreach my $l (@{ $source->{lines} })
			{
				my $n = $l->{line_number};
				$line{$name}{$n} += $l->{count};
				next if !@{ $l->{branches} };
				# the same line in several functions: an inline one
				$branch{$name}{$n}{$l->{function_name} // ''}[$_] += $l->{branches}[$_]{count}
				  foreach 0 .. $#{ $l->{branches} };
			}
		}
	}
}

my (%sum, %room);
open my $summary, '>', "$result/summary" or die "summary: $!\n";
foreach my $name (sort keys %line)
{
	open my $in, '<', $name or die "$name: $!\n";
	my @text = ('', <$in>);
	my (@c, @missed);
	foreach my $n (sort { $a <=> $b } keys %{ $line{$name} })
	{
		my $hit = $line{$name}{$n} > 0;
		$c[0]++;
		$c[1]++ if $hit;
		push @missed, sprintf '%5d  never    %s', $n, $text[$n] if !$hit;
		my @taken = map { @$_ } values %{ $branch{$name}{$n} // {} };
		next if !@taken;
		my $some = grep { $_ > 0 } @taken;
		$c[2] += @taken;
		$c[3] += $some;
		next if $text[$n] !~ /\b(?:if|for|while|do|case)\b|\?|&&|\|\|/
		  || $text[$n] =~ /\b(?:ereport|elog|Assert|CHECK_FOR_INTERRUPTS|PG_TRY|PG_END_TRY|PG_FINALLY)\b/;
		$c[4] += @taken;
		$c[5] += $some;
		push @missed, sprintf '%5d  %d of %d   %s', $n, $some, scalar @taken, $text[$n] if $hit && $some < @taken;
	}
	my ($of) = $name =~ m{^src/(\w+)/};
	foreach (0 .. 5)
	{
		$c[$_] //= 0;
		$sum{$of}[$_] += $c[$_];
		$sum{all}[$_] += $c[$_];
	}
	show($name, @c);
	next if !@missed;
	(my $file = $name) =~ s{/}{_}g;
	open my $out, '>', "$result/$file" or die "$file: $!\n";
	print $out @missed;
}
show($_, @{ $sum{$_} }) foreach (grep { $_ ne 'all' } sort keys %sum), 'all';

sub show
{
	my ($name, @c) = @_;
	my $text = sprintf "%-40s lines %5d of %5d %5.1f %%   branches %5d of %5d %5.1f %%   ours %5d of %5d %5.1f %%\n",
	  $name, map { $c[ $_ + 1 ], $c[$_], $c[$_] ? 100 * $c[ $_ + 1 ] / $c[$_] : 100 } 0, 2, 4;
	print $text;
	print $summary $text;
	return;
}
