#!/usr/bin/perl
# test/lint/script.pl FILE...: what an install or update script must not contain.
#
# An update script, NAME--OLD--NEW.sql, may replace functions: the server does
# so only with those of the extension.  Tables and views are made and changed by
# install_tables(): in a script they would become part of the extension, and
# no dump would contain them.
#
# Reads statements, not lines: bodies and literals are left out.  Prints
# "RULE<tab>FILE:LINE: TEXT" for each finding, and "RULE<tab>" for each rule
# that found nothing.
use strict;
use warnings;

my %rule = map { $_ => [] }
  qw(or-replace if-not-exists schema-name function-label search-path
	  script-head relation cascade);

sub found
{
	my ($rule, $where, $text) = @_;
	push @{ $rule{$rule} }, "$where: $text";
}

# What may be created without a schema of its own.
my $without = qr/CAST|RULE|TRIGGER|EVENT|INDEX|UNIQUE|POLICY|LANGUAGE|ACCESS
	|TRANSFORM|SCHEMA|ROLE|STATISTICS/x;
my $ours = qr/(?:community|\@extschema\@)\s*\.\s*\S/;

sub check
{
	my ($at, $sql, $update) = @_;
	(my $head = $sql) =~ s/\s+/ /g;
	$head = substr $head, 0, 60;

	found('or-replace', $at, $head)
	  if $sql =~ /\bCREATE\s+OR\s+REPLACE\b/i
	  && !($update && $sql =~ /^CREATE\s+OR\s+REPLACE\s+(?:FUNCTION|PROCEDURE)\b/i);
	found('if-not-exists', $at, $head) if $sql =~ /\bIF\s+NOT\s+EXISTS\b/i;
	found('search-path', $at, $head)
	  if $sql =~ /^SET\s+(?:LOCAL\s+|SESSION\s+)?search_path\b/i;

	found('relation', $at, $head)
	  if $sql =~ /^(?:CREATE(?:\s+OR\s+REPLACE)?|ALTER|DROP)\s+(?:(?:TEMP|TEMPORARY|UNLOGGED|MATERIALIZED|RECURSIVE|FOREIGN|UNIQUE)\s+)*
		(?:TABLE|VIEW|SEQUENCE|INDEX)\b/xi;
	found('cascade', $at, $head) if $sql =~ /^DROP\b.*\bCASCADE\s*$/is;

	my ($what, $name) = $sql =~ /^CREATE\s+(?:OR\s+REPLACE\s+)?
		(?:(?:TEMP|TEMPORARY|UNLOGGED|MATERIALIZED|RECURSIVE|CONSTRAINT)\s+)*
		(OPERATOR\s+(?:CLASS|FAMILY)|TEXT\s+SEARCH\s+\w+|FOREIGN\s+\w+|\w+)
		\s+(?:IF\s+NOT\s+EXISTS\s+)?(.*)/xis or return;
	found('schema-name', $at, $head)
	  unless $what =~ /^(?:$without)\b/i || $name =~ /^$ours/;
	if ($what =~ /^FUNCTION$/i && $sql !~ /\bRETURNS\s+(?:event_)?trigger\b/i)
	{
		found('function-label', $at, "$head: say how volatile it is")
		  unless $sql =~ /\b(?:IMMUTABLE|STABLE|VOLATILE)\b/i;
		found('function-label', $at, "$head: say how parallel it is")
		  unless $sql =~ /\bPARALLEL\s+(?:SAFE|RESTRICTED|UNSAFE)\b/i;
	}
}

for my $file (@ARGV)
{
	open my $in, '<', $file or die "$file: $!";
	my $text = do { local $/; <$in> };
	my ($sql, $line, $start) = ('', 1, 1);
	my $update = $file =~ /--.*--/;
	my $by = $update ? 'ALTER' : 'CREATE';

	found('script-head', "$file:1", "no line \\echo Use \"$by EXTENSION ...\" \\quit")
	  unless $text =~ /^\\echo Use "$by EXTENSION community\b.*\\quit$/m;

	# One token at a time: comment, literal, body, end of statement, the rest.
	while ($text =~ m{\G(?:
		(?<skip> --[^\n]* | /\*.*?\*/ | ^\\[^\n]*)
		| (?<quoted> '(?:[^']|'')*' | \$(?<tag>\w*)\$.*?\$\k<tag>\$)
		| (?<end> ;)
		| (?<other> "[^"]*" | \w+ | .))}gsxm)
	{
		my $token = $&;
		if (defined $+{end})
		{
			check("$file:$start", $sql, $update) if $sql =~ /\S/;
			$sql = '';
		}
		elsif (defined $+{skip}) { $sql .= ' ' if $sql ne '' }
		elsif (defined $+{quoted}) { $sql .= "''" }
		elsif ($sql ne '' || $token =~ /\S/)
		{
			$start = $line if $sql eq '';
			$sql .= $token;
		}
		$line += ($token =~ tr/\n//);
	}
	check("$file:$start", $sql, $update) if $sql =~ /\S/;
}

for my $name (sort keys %rule)
{
	print "$name\t$_\n" for @{ $rule{$name} };
	print "$name\t\n" unless @{ $rule{$name} };
}
