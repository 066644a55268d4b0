# What the TAP tests share.  Use it by
#
#   use FindBin;
#   use lib $FindBin::RealBin;
#   use Community;
package Community;

use strict;
use warnings FATAL => 'all';
use Exporter 'import';
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(new_node sqlstate sqlstate_as tables_of answers_of psql_start psql_output
	lines_of plan_skip_without_extension is_same_community);

# A started server that finds the extension, or none: then the test is skipped.
sub new_node
{
	my ($name, %init) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(extra => [ '--encoding=UTF8', '--no-locale' ], %init);
	$node->append_conf('postgresql.conf', "timezone = 'UTC'\n");
	$node->start;
	plan_skip_without_extension($node);
	return $node;
}

sub plan_skip_without_extension
{
	my ($node) = @_;
	# Debian's servers do not list what they find through extension_destdir
	plan(skip_all => 'the extension is not installed where this server looks')
	  if sqlstate($node, 'postgres', 'BEGIN; CREATE EXTENSION community; ROLLBACK;') =~
	  /^(0A000|58P01|22023)$/;
	return;
}

# 'ok', or the SQLSTATE of the first error
sub sqlstate
{
	my ($node, $database, $sql) = @_;
	my ($rc, $out, $err) = $node->psql($database, $sql,
		on_error_stop => 1,
		extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
	return 'ok' if $rc == 0;
	return $1 if $err =~ /(?:ERROR|FATAL|PANIC):\s+([0-9A-Z]{5})\b/;
	return "exit $rc: $err";
}

# The same as another role.
sub sqlstate_as
{
	my ($node, $database, $role, $sql) = @_;
	return sqlstate($node, $database, "SET SESSION AUTHORIZATION $role;\n$sql");
}

# All rows of all tables of the schema, as text by table
sub tables_of
{
	my ($node, $database) = @_;
	my @table = lines_of($node, $database, q{
			SELECT c.relname FROM pg_class AS c
			WHERE c.relnamespace = 'community'::regnamespace
				AND c.relkind IN ('r', 'p') ORDER BY 1});
	my @rows = answers_of($node, $database,
		map { qq{COPY (SELECT t FROM community."$_" AS t ORDER BY t::text COLLATE "C") TO STDOUT} } @table);
	return { map { $table[$_] => $rows[$_] } 0 .. $#table };
}

# What each of these statements answers, in one session
sub answers_of
{
	my ($node, $database, @sql) = @_;
	my $out = $node->safe_psql($database, join '', map { "\\echo ==>\n$_;\n" } @sql);
	my (undef, @answer) = split /^==>(?:\n|\z)/m, $out;
	chomp @answer;
	push @answer, '' while @answer < @sql;
	return @answer;
}

sub lines_of
{
	my ($node, $database, $sql) = @_;
	return split /\n/, $node->safe_psql($database, $sql);
}

# Compare what tables_of() gave, table by table.
sub is_same_community
{
	my ($got, $expected, $what) = @_;
	is_deeply([ sort keys %$got ], [ sort keys %$expected ], "$what: tables");
	foreach my $table (sort keys %$expected)
	{
		is($got->{$table}, $expected->{$table}, "$what: rows of $table");
	}
	return;
}

# Start psql on a script, beside us.  What it says goes to files NAME.out and
# NAME.err; give the handle to IPC::Run::finish().
sub psql_start
{
	my ($node, $database, $name, $sql) = @_;
	my $file = "$PostgreSQL::Test::Utils::tmp_check/$name";
	append_to_file("$file.sql", $sql);
	return IPC::Run::start(
		[ 'psql', '-XqAt', '-d', $node->connstr($database), '-f', "$file.sql" ],
		'<', '/dev/null', '>', "$file.out", '2>', "$file.err");
}

# What it has said until now.
sub psql_output
{
	my ($name) = @_;
	return slurp_file("$PostgreSQL::Test::Utils::tmp_check/$name.out");
}

1;
