#!/usr/bin/perl
# test/lint/source.pl CHECKOUT [LIBRARY]: what the compiler does not see.
#
# Prints "RULE<tab>FILE:LINE: TEXT" for each finding, and "RULE<tab>" for each
# rule that found nothing.  Rules about symbols need the built LIBRARY.
use strict;
use warnings;

my ($root, $library) = @ARGV;
chdir $root or die "$root: $!";

# Rooms in the order in which they may know each other: core knows nobody,
# period knows core, the rest know both and themselves, activity conducts.
my %level = (core => 1, period => 2);
my $above = 3;
my %knows_all = (activity => 1);

my %longest_line = (c => 79, h => 79, sql => 100);
my $longest_file = 1500;
my $tab = 4;

# Headers that algorithms may use: arrays in, result out, no server.
my $plain = qr{^(postgres|c|fmgr|varatt|miscadmin)\.h$
	|^(common|port|lib|datatype)/
	|^nodes/miscnodes\.h$
	|^utils/(float|memutils|palloc)\.h$}x;

my %rule = map { $_ => [] } qw(
  room-include own-include algorithm-include line-comment line-length
  tab-after-space trailing-space end-of-file file-length server-version
  unsafe-call symbol-prefix test-comment expected-output
);

sub found
{
	my ($rule, $where, $text) = @_;
	die "no rule $rule" unless $rule{$rule};
	push @{ $rule{$rule} }, "$where: $text";
}

sub slurp
{
	my ($file) = @_;
	open my $in, '<', $file or die "$file: $!";
	local $/;
	my $text = <$in>;
	return defined $text ? $text : '';
}

# C without the insides of comments and strings; lines stay where they are.
sub bare_c
{
	my ($text) = @_;
	my $blank = sub { my ($s) = @_; $s =~ s/[^\n]/ /g; return $s };
	$text =~ s{(/\*.*?\*/)|("(?:[^"\\\n]|\\.)*")|('(?:[^'\\\n]|\\.)*')}
		{ defined $1 ? $blank->($1) : defined $2 ? '""' : "' '" }gse;
	return $text;
}

# The own headers that a file includes, and those that they include.
sub includes
{
	my ($file, $seen) = @_;
	for my $h (slurp($file) =~ /^\s*#\s*include\s+"([^"]+)"/mg)
	{
		next if $seen->{$h}++;
		includes("src/$h", $seen) if -f "src/$h";
	}
	return $seen;
}

sub width
{
	my ($line) = @_;
	1 while $line =~ s/^([^\t]*)\t/$1 . ' ' x ($tab - length($1) % $tab)/e;
	return length $line;
}

# Rules about every file that people write.
sub check_text
{
	my ($file, $text) = @_;
	my ($type) = $file =~ /\.(\w+)$/;
	my $n = 0;
	for my $line (split /\n/, $text, -1)
	{
		$n++;
		found('trailing-space', "$file:$n", 'space at the end of a line')
		  if $line =~ /[ \t\r]$/;
		next unless $file =~ m{^src/};
		found('tab-after-space', "$file:$n", 'a tab after a space')
		  if $line =~ /^\t* +\t/;

		# A long literal may stand; what surrounds it may not.
		(my $short = $line) =~ s/"(?:[^"\\]|\\.)*"|'[^']*'/""/g;
		utf8::decode($short);
		found('line-length', "$file:$n", width($short) . ' columns')
		  if width($short) > $longest_line{$type};
	}
	found('file-length', "$file:$n", $n - 1 . ' lines')
	  if $file =~ m{^src/} && $n - 1 > $longest_file;
	found('end-of-file', "$file:$n", 'no single line end at the end')
	  if $text ne '' && $text !~ /[^\n]\n\z/;
}

sub check_c
{
	my ($file, $text) = @_;
	my ($room) = $file =~ m{^src/([^/]+)/};
	my $bare = bare_c($text);
	my $n = 0;
	my @line = split /\n/, $text;
	for my $code (split /\n/, $bare)
	{
		my $at = "$file:" . ++$n;
		found('line-comment', $at, 'a // comment') if $code =~ m{//};
		found('server-version', $at, 'PG_VERSION_NUM outside core/compat.h')
		  if $code =~ /\bPG_VERSION_NUM\b/ && $file ne 'src/core/compat.h';
		found('unsafe-call', $at, $1)
		  if $code =~ /\b(v?sprintf|strn?cpy|strn?cat|alloca|gets|strtok)\s*\(/;

		next unless $line[ $n - 1 ] =~ /^\s*#\s*include\s+"([^"]+)"/;
		my $header = $1;
		if ($header =~ m{^([^/]+)/} && -d "src/$1")
		{
			found('room-include', $at, "$room includes $header")
			  unless $1 eq $room || $knows_all{$room}
			  || ($level{$1} || $above) < ($level{$room} || $above);
		}
		elsif ($header !~ m{/} && -f "src/$room/$header")
		{
			found('own-include', $at, "write \"$room/$header\"");
		}
	}
	if ($file =~ /_algo\.[ch]$/)
	{
		for my $header (sort keys %{ includes($file, {}) })
		{
			next if $header =~ $plain || -f "src/$header";
			found('algorithm-include', $file, "reaches $header");
		}
	}
}

my @source = glob 'src/*/*.c src/*/*.h src/*/*.sql';
my @test = glob 'sql/*.sql test/isolation/specs/*.spec test/t/*.pl';
my @other = glob 'Makefile community.control *.md doc/*.md script/*
  test/*/*.sh test/lint/* upgrade/*.sql .ci/run';

for my $file (grep { -f } @source, @test, @other)
{
	my $text = slurp($file);
	check_text($file, $text);
	check_c($file, $text) if $file =~ /\.[ch]$/;
}

for my $file (@test)
{
	my $first = slurp($file);
	$first =~ s/\A#!.*\n//;
	found('test-comment', "$file:1", 'begin with what breaks if this fails')
	  unless $first =~ m{\A\s*(--|#|/\*)};
	(my $expected = $file) =~
	  s{^(sql|test/isolation/specs)/(.*)\.\w+$}{
		($1 eq 'sql' ? '' : 'test/isolation/') . "expected/$2.out"}e
	  or next;
	found('expected-output', $file, "no $expected") unless -f $expected;
}
for my $file (glob 'expected/*.out')
{
	# name_1.out and so on are further accepted outputs of name
	my ($name) = $file =~ m{/(.*)\.out$};
	(my $base = $name) =~ s/_\d$//;
	found('expected-output', $file, "no sql/$name.sql")
	  unless -f "sql/$name.sql" || -f "sql/$base.sql";
}

if ($library)
{
	my $rooms = join '|', map { m{^src/([^/]+)} } glob 'src/*/';
	open my $nm, '-|', 'nm', '-D', '--defined-only', '-P', $library
	  or die "nm: $!";
	while (<$nm>)
	{
		my ($symbol) = split;
		next if $symbol =~ /^(_init|_fini|_edata|_end|__bss_start)$/;
		found('symbol-prefix', $library, $symbol)
		  unless $symbol =~
		  /^((community|pg_finfo|purse|$rooms)_|Pg_magic_func$|_PG_init$)/;
	}
	close $nm or die "nm $library failed";
}

for my $name (sort keys %rule)
{
	print "$name\t$_\n" for @{ $rule{$name} };
	print "$name\t\n" unless @{ $rule{$name} };
}
