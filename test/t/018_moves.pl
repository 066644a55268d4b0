# Dumps of a community with every room in use, in every form that pg_dump has
# and 001_dump_restore.pl has not.  Were this broken, a table, a right or a
# trigger would be left behind by one of them, or work would not go on where
# the rows have come to.
#
#   COMMUNITY_MOVES=1   further forms, for script/test-long
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;
use Community;
use Moves;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main');
my $dir = $PostgreSQL::Test::Utils::tmp_check;
my @where = ('-h', $node->host, '-p', $node->port);
make_roles($node);
make_full_database($node, 'old');
my $old = picture_of($node, 'old');


# Restore by these commands, compare, and work there.
sub move
{
	my ($what, @command) = @_;
	my $database = $what =~ s/\W/_/gr;
	$node->safe_psql('postgres', qq{CREATE DATABASE "$database"});
	foreach (@command)
	{
		my ($program, @argument) = @$_;
		my @options = $program eq 'psql' ? ('-Xq', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null') : $program eq 'pg_restore' ? '-e' : ();
		$node->command_ok([ $program, @where, @options, map { $_ eq 'DATABASE' ? $database : $_ } @argument ],
			"$what: $program @argument");
	}
	# keep going: each form by itself
	eval {
		is_same_picture(picture_of($node, $database), $old, $what);
		is_at_work($node, $database, $what);
		1;
	} or fail("$what broke off: $@");
	return;
}

move('a directory in parallel',
	[ 'pg_dump', '-Fd', '-j2', '-f', "$dir/directory", 'old' ],
	[ 'pg_restore', '-j2', '-d', 'DATABASE', "$dir/directory" ]);

# triggers must be off while the rows come in; that leaves all of them as
# ordinary ones, and install_tables() says again which fire on replicas
move('schema and data apart as text',
	[ 'pg_dump', '--schema-only', '-f', "$dir/schema.sql", 'old' ],
	[ 'pg_dump', '--data-only', '--disable-triggers', '-f', "$dir/data.sql", 'old' ],
	[ 'psql', '-f', "$dir/schema.sql", 'DATABASE' ],
	[ 'psql', '-f', "$dir/data.sql", 'DATABASE' ],
	[ 'psql', '-c', 'SELECT community.install_tables()', 'DATABASE' ]);

if ($ENV{COMMUNITY_MOVES})
{
	move('sections',
		[ 'pg_dump', '-Fc', '-f', "$dir/custom", 'old' ],
		map { [ 'pg_restore', "--section=$_", '-d', 'DATABASE', "$dir/custom" ] } qw(pre-data data post-data));
	move('custom format',
		[ 'pg_restore', '-d', 'DATABASE', "$dir/custom" ]);
	move('text',
		[ 'pg_dump', '-f', "$dir/text.sql", 'old' ],
		[ 'psql', '-f', "$dir/text.sql", 'DATABASE' ]);
	move('schema and data apart in custom format',
		[ 'pg_restore', '--schema-only', '-d', 'DATABASE', "$dir/custom" ],
		[ 'pg_restore', '--data-only', '--disable-triggers', '-d', 'DATABASE', "$dir/custom" ],
		[ 'psql', '-c', 'SELECT community.install_tables()', 'DATABASE' ]);
}

# ---- attached tables go away, dropped by an owner who has no rights here
$node->safe_psql('old', q{
	CREATE ROLE stranger;
	ALTER SCHEMA store OWNER TO stranger;
	ALTER TABLE store.orders OWNER TO stranger;
	ALTER TABLE store.visit OWNER TO stranger;
	SET SESSION AUTHORIZATION stranger;
	DROP TABLE store.orders});
is( $node->safe_psql('old', q{SELECT type, detach_reason FROM community.attachment WHERE source LIKE 'store.%' ORDER BY attachment_id}),
	"order|table dropped\norder|\nvisit|\ngone|detached", 'a table that is dropped is attached no longer');
$node->safe_psql('old', q{SET client_min_messages = warning; DROP SCHEMA store CASCADE});
is( $node->safe_psql('old', q{SELECT count(*) FILTER (WHERE detached_at IS NULL) FROM community.attachment}),
	'0', 'nor are those of a schema that is dropped');
is($node->safe_psql('old', $_->[0]), ($old->{ $_->[1] } =~ tr/\n//) + 1, "dropped tables leave all $_->[1]")
  foreach ([ 'SELECT count(*) FROM community.event', 'rows of event' ], [ 'SELECT count(*) FROM community.entry', 'rows of entry' ]);
is($node->safe_psql('old', q{SELECT * FROM community.check_installation('full')}), '', 'and books that agree');
is($node->safe_psql('old', q{SET community.program = 'shop'; SELECT amount FROM community.record(3, 'order', 'after', 5)}), '5', 'and work goes on');

$node->stop;
done_testing();
