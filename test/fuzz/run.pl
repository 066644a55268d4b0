#!/usr/bin/perl
# test/fuzz/run.pl [--seconds N] [--keep] RESULT [TARGET...]: called by
# script/fuzz on a private server whose library holds fuzz.c.
#
# Fuzzes each target from its kept corpus on, and says how many inputs were
# tried.  RESULT gets the input of each failure; with --keep also
# corpus/TARGET: the shortest inputs that between them reach all that was
# reached.  Ends with 1 if a target failed.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;
use Corpus;
use File::Path qw(make_path);
use Getopt::Long;

$| = 1;
my %option = (seconds => 600);
GetOptions(\%option, qw(seconds=i keep)) or exit 2;
my $result = shift @ARGV or die "usage: run.pl [--seconds N] [--keep] RESULT [TARGET...]\n";
my %wanted = map { $_ => 1 } @ARGV;
my $log = "$ENV{COMMUNITY_OUT}/server.log";
my $failed = 0;

sub psql
{
	return system('psql', '-Xq', '-d', 'fuzz', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', @_) == 0;
}

sub slurp
{
	my ($file) = @_;
	open my $in, '<:raw', $file or die "$file: $!\n";
	local $/;
	return <$in> // '';
}

sub spew
{
	my ($file, $bytes) = @_;
	open my $out, '>:raw', $file or die "$file: $!\n";
	print $out $bytes;
	close $out or die "$file: $!\n";
	return;
}

# Run libFuzzer in a backend, which it ends.  Gives what it said.
sub fuzz
{
	my ($kind, $what, @arguments) = @_;
	my $before = -s $log;
	my $array = join ', ', map { s/'/''/gr =~ s/(.*)/'$1'/sr } @arguments;
	my $target = $what =~ s/'/''/gr;
	spew("$result/call.sql", "SET community.program = 'shop'; SET search_path = public, community;\n"
		. "SELECT community.fuzz('$kind', '$target', ARRAY[$array]);\n");
	system("psql -Xq -d fuzz -f $result/call.sql >$result/call.out 2>&1");
	unlink "$result/call.sql";
	# after a crash the server is away for a moment
	foreach (1 .. 300)
	{
		last if system("psql -XAtqc '' -d fuzz >$result/call.again 2>&1") == 0;
		select undef, undef, undef, 0.1;
	}
	my $said = substr slurp($log), $before;
	$said .= slurp("$result/call.out") if $said !~ /^INFO: (?:Seed|seed)|MERGE-INNER/m;
	return $said;
}

# The shortest inputs that together reach every edge that some input reaches.
sub minimised
{
	my ($kind, $what, @inputs) = @_;
	my $folder = "$result/merge";
	make_path($folder);
	my @file = map { "$folder/$_" } 0 .. $#inputs;
	@inputs = sort { length $a <=> length $b || $a cmp $b } @inputs;
	spew($file[$_], $inputs[$_]) foreach 0 .. $#inputs;
	my $control = "$result/control";
	spew($control, join "\n", scalar @file, 0, @file, '');
	my $said = fuzz($kind, $what, '-merge_inner=1', "-merge_control_file=$control", '-rss_limit_mb=0',
		'-handle_int=0', '-handle_term=0', '-handle_usr1=0', '-handle_usr2=0');
	my (%edge, @keep);
	foreach (split /\n/, slurp($control))
	{
		my ($number, @edges) = /^COV (\d+)\s*(.*)/ ? ($1, split / /, $2) : next;
		my @new = grep { !$edge{$_}++ } @edges;
		push @keep, $inputs[$number] if @new;
	}
	system('rm', '-rf', $folder, $control);
	die "cannot minimise $what:\n$said" if !@keep;
	return @keep;
}

system('createdb', 'fuzz') == 0 or exit 1;
psql('-f', "$FindBin::RealBin/../blast/populate.sql") or exit 1;
psql('-c', "CREATE FUNCTION community.fuzz(text, text, text[]) RETURNS void AS 'community', 'community_fuzz' LANGUAGE C STRICT")
  or exit 1;
make_path("$result/corpus");

foreach my $target (targets($FindBin::RealBin))
{
	my ($name, $kind, $what) = @$target;
	next if %wanted && !$wanted{$name};
	my $work = "$result/work/$name";
	make_path($work);
	my @kept = read_corpus("$FindBin::RealBin/corpus/$name");
	spew("$work/kept$_", $kept[$_]) foreach 0 .. $#kept;
	my $dictionary = "$FindBin::RealBin/" . $name =~ s/_.*//r . ".dict";
	my $said = fuzz($kind, $what, "-max_total_time=$option{seconds}", '-max_len=512', '-timeout=10',
		'-print_final_stats=1', '-rss_limit_mb=0', '-handle_int=0', '-handle_term=0', '-handle_usr1=0',
		'-handle_usr2=0', "-artifact_prefix=$result/$name-", (-f $dictionary ? "-dict=$dictionary" : ()), $work);
	my ($executed) = $said =~ /stat::number_of_executed_units:\s*(\d+)/;
	my ($edges) = $said =~ /.*\bcov: (\d+)/s;
	my @bad = glob "$result/$name-*";
	if (@bad || !defined $executed || $said !~ /^Done \d+ runs/m)
	{
		$failed++;
		printf "FAILED  %s after %s inputs\n", $name, $executed // 'an unknown number of';
		printf "        %s: %s\n", $_, escaped(slurp($_)) foreach @bad;
		my @said = grep { !/^#\d+|NEW_FUNC/ } split /\n/, $said;
		print "        $_\n" foreach splice @said, @said > 60 ? -60 : 0;
		next;
	}
	my @inputs = map { slurp($_) } grep { -f } glob "$work/*";
	printf "ok      %-16s %10d inputs, %d edges, %d of them new to the corpus\n", $name, $executed, $edges // 0, @inputs - @kept;
	write_corpus("$result/corpus/$name", minimised($kind, $what, @inputs)) if $option{keep};
}
exit($failed ? 1 : 0);
