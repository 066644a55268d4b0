# ALTER EXTENSION UPDATE, and libraries that meet tables of another version.
# Were this broken, an update would lose functions, rights or rows, leave a
# database that differs from a fresh one, or let an old or a new library write
# to tables that it does not know.
#
# The version after this one is made here: a function is added, one is changed,
# tables have another version, with a new column and a new table.  Versions that
# have been released are updated as well; their scripts are in test/released.
use strict;
use warnings FATAL => 'all';
use Cwd;
use FindBin;
use lib $FindBin::RealBin;
use Community;
use IPC::Run;
use Moves;
use PostgreSQL::Test::Utils;
use Test::More;

my $stage = $ENV{COMMUNITY_STAGE} // '';
my $tree = getcwd();
plan(skip_all => 'needs the built tree and the private installation that script/withpg makes')
  unless -d $stage && glob("$tree/src/core/*.o");

my $dir = $PostgreSQL::Test::Utils::tmp_check;
my ($control) = slurp_file("$tree/community.control") =~ /^default_version = '(.*)'/m;
my $next = $control =~ s/(\d+)$/$1 + 1/er;
my ($needed) = slurp_file("$tree/src/core/core.h") =~ /define COMMUNITY_TABLES_VERSION\s+(\d+)/;
my $beyond = $needed + 1;
my $share = substr(`$ENV{PG_CONFIG} --sharedir`, 0, -1) . '/extension';
my $lib = substr(`$ENV{PG_CONFIG} --pkglibdir`, 0, -1);

# ---- the next version
sub edit
{
	my ($file, $from, $to) = @_;
	my $text = slurp_file($file);
	$text =~ s/\Q$from\E/$to/ or die "$file: no $from";
	unlink $file;
	append_to_file($file, $text);
	return;
}

sub run
{
	my (@command) = @_;
	my $out;
	IPC::Run::run(\@command, '<', '/dev/null', '>&', \$out) or die "@command: $out";
	return;
}

mkdir "$dir/next";
run('cp', '-a', (map { "$tree/$_" } qw(Makefile community.control src)), "$dir/next");
edit("$dir/next/community.control", "'$control'", "'$next'");
edit("$dir/next/src/core/$_", "needed CONSTANT integer := $needed;", "needed CONSTANT integer := $beyond;")
  foreach ('install_head.sql', 'check_head.sql');
append_to_file("$dir/next/src/core/install_head.sql",
	"	IF present < $beyond THEN
		ALTER TABLE community.referral_campaign ADD COLUMN planted text;
		COMMENT ON COLUMN community.referral_campaign.planted IS 'new';
	END IF;
	IF to_regclass('community.planted') IS NULL THEN
		CREATE TABLE community.planted (program_id bigint NOT NULL, id bigint NOT NULL DEFAULT community.next_id(),
			CONSTRAINT planted_pkey PRIMARY KEY (program_id, id));
	END IF;\n");
edit("$dir/next/src/referral/invite_tables.sql", "
			CONSTRAINT referral_campaign_pkey", "
			planted text,
			CONSTRAINT referral_campaign_pkey");
edit("$dir/next/src/referral/invite_tables.sql", "
		COMMENT ON TABLE community.referral_campaign", "
		COMMENT ON COLUMN community.referral_campaign.planted IS 'new';
		COMMENT ON TABLE community.referral_campaign");
edit("$dir/next/src/core/functions.sql", "\n-- ---", "
CREATE FUNCTION community.planted() RETURNS pg_catalog.int4
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS 'SELECT 42';
COMMENT ON FUNCTION community.planted() IS 'the answer';
REVOKE ALL ON FUNCTION community.planted() FROM PUBLIC;

-- ---");
edit("$dir/next/src/core/grants.sql", "'next_id', 'current_program'", "'planted', 'next_id', 'current_program'");
run('make', '-s', '-C', "$dir/next", 'with_llvm=no', "COPT=$ENV{COMMUNITY_COPT} -DCOMMUNITY_TABLES_VERSION=$beyond",
	'-W', 'src/core/owner.c', 'community.so', "community--$next.sql");
my $update = "community--$control--$next.sql";
run('sh', '-c', "script/draft-update community--$control.sql $dir/next/community--$next.sql $next >$dir/$update");
unlike(`perl test/lint/script.pl $dir/$update`, qr/\t./, 'the lint has nothing against the update script');
like(slurp_file("$dir/$update"), qr/^CREATE OR REPLACE FUNCTION community\.install_tables/m, 'which replaces what has changed');

# ---- a server with its own copy of the installation, whose files are replaced
my $node = new_node('main');
run('cp', '-a', $stage, "$dir/stage");
$node->append_conf('postgresql.conf', slurp_file($ENV{TEMP_CONFIG}) =~ s/\Q$stage\E/$dir\/stage/gr);
$node->restart;

# As packages do: the new file takes the place of the old one, which those who
# have it open keep.
sub install_library
{
	my ($from) = @_;
	run('cp', '--remove-destination', $from, "$dir/stage$lib/community.so");
	return;
}

# A session that stays, and what it answers.
my ($in, $out) = ('', '');
my ($session, $database) = (undef, 'full');
my $timer = IPC::Run::timer($PostgreSQL::Test::Utils::timeout_default);
sub answer
{
	my ($sql) = @_;
	$session //= IPC::Run::start([ 'psql', '-XqAt', '-v', 'VERBOSITY=default', '-d', $node->connstr($database) ],
		'<', \$in, '>&', \$out, $timer);
	$timer->start;
	$out = '';
	$in .= "SET community.program = 'shop';\n$sql;\n\\echo ==end\n";
	$session->pump until $out =~ /^==end$/m;
	return $out =~ s/^==end\n//mr;
}

make_roles($node);
make_full_database($node, $database);
my $old = picture_of($node, $database);
my $tables = { map { $_ => $old->{$_} } grep { /^rows/ } keys %$old };
my @calls = (
	q{SET community.program = 'shop'; SELECT community.record(5, 'post', 'refused')},
	q{SET community.program = 'shop'; SELECT community.balance(5)},
	q{INSERT INTO store.orders VALUES (7001, 5, 1, '2025-11-01')},
	q{SET community.program = 'shop'; CALL community.process_inbox()});
sub is_refused
{
	my ($what, $hint) = @_;
	is(sqlstate($node, $database, $_), 'CM010', "$what: refused is $_") foreach @calls;
	my ($rc, $said, $err) = $node->psql($database, $calls[0]);
	like($err, $hint, "$what: the hint says what to do");
	my $rows = picture_of($node, $database);
	is_deeply([ grep { $rows->{$_} ne $tables->{$_} } sort keys %$tables ], [], "$what: nothing is harmed");
	return;
}

like(answer(q{SELECT amount FROM community.record(6, 'order', 'open session', 1)}), qr/^1$/, 'a session has the old library');
$tables = picture_of($node, $database);
delete $tables->{$_} foreach grep { !/^rows/ } keys %$tables;

# ---- the next version is installed, but no database knows
install_library("$dir/next/community.so");
run('cp', "$dir/next/community.control", "$dir/next/community--$next.sql", "$dir/$update", "$dir/stage$share");
is_refused('a new library over old tables', qr/HINT:.*ALTER EXTENSION community UPDATE.*install_tables\(\)/);
like(answer('SELECT available FROM community.balance(6)'), qr/^\d+$/, 'the open session goes on');

# ---- updated
$node->safe_psql($database, 'ALTER EXTENSION community UPDATE');
is($node->safe_psql($database, q{SELECT extversion FROM pg_extension WHERE extname = 'community'}), $next, 'the extension is updated');
is_refused('updated, with tables as before', qr/HINT:.*install_tables\(\)/);
like(answer('SELECT available FROM community.balance(6)'), qr/^\d+$/, 'the open session goes on, even so');
is($node->safe_psql($database, 'SELECT community.install_tables()'), "tables migrated from version $needed to $beyond", 'tables are migrated');
like(answer(q{SELECT amount FROM community.record(6, 'order', 'too late', 1)}), qr/tables of community have version $beyond, library $control needs version $needed\nHINT:  Install/,
	'a session that has the old library since before is refused now');
like(answer('INSERT INTO store.orders VALUES (7002, 5, 1, now())'), qr/needs version $needed/, 'its orders, too');
$session->kill_kill;
$node->safe_psql($database, q{SELECT community.grant_application('shop_app'), community.grant_auditor('auditor')});

# ---- upgraded equals fresh
sub whole_dump
{
	my ($from) = @_;
	my $text;
	# with what belongs to the extension, one by one
	IPC::Run::run([ 'pg_dump', '--schema-only', '--binary-upgrade', '-d', $node->connstr($from) ], '>', \$text) or die 'pg_dump';
	# but not their OIDs, ages and the names that the server gives to columns of views
	return join "\n", sort grep { !/binary_upgrade|setval|^--|^\\(un)?restrict|^UPDATE pg_catalog|^SET relfrozenxid|^WHERE oid =|^\s*NULL::\w+/ }
	  split /\n/, $text;
}
$node->safe_psql('postgres', 'CREATE DATABASE fresh');
$node->safe_psql('fresh', q{CREATE EXTENSION community; SELECT community.install_tables('keeper');
	SELECT community.grant_application('shop_app'), community.grant_auditor('auditor')});
$node->safe_psql('postgres', "CREATE DATABASE plain TEMPLATE $database");
$node->safe_psql('plain', 'SET client_min_messages = warning; DROP SCHEMA store CASCADE');
my %fresh = map { $_ => 1 } split /\n/, whole_dump('fresh');
my %plain = map { $_ => 1 } split /\n/, whole_dump('plain');
cmp_ok(scalar keys %fresh, '>', 5000, 'a dump says much');
is_deeply([ grep { !$plain{$_} } sort keys %fresh ], [ grep { !$fresh{$_} } sort keys %plain ], 'updated equals fresh');

is($node->safe_psql($database, 'SELECT community.planted()'), '42', 'the new function is there');
my $new = picture_of($node, $database);
is_deeply([ grep { /^rows/ && !/installation|referral_campaign|planted|seen/ && $new->{$_} ne $tables->{$_} } sort keys %$new ], [],
	'the rows are the same');
is_at_work($node, $database, 'updated');

# ---- the old library comes back, as when a package is taken back
$tables = picture_of($node, $database);
delete $tables->{$_} foreach grep { !/^rows/ } keys %$tables;
install_library("$tree/community.so");
is_refused('an old library over new tables', qr/HINT:  Install the package of community that these tables were made with/);
install_library("$dir/next/community.so");
is(sqlstate($node, $database, $calls[0]), 'ok', 'with the new one, work goes on');

# ---- versions that were released, to the one that is not yet
install_library("$tree/community.so");
run('cp', "$tree/community.control", "$dir/stage$share");
foreach my $script (glob "$tree/test/released/community--*.sql")
{
	my ($version) = $script =~ /--([\d.]+)\.sql$/;
	run('cp', $script, "$dir/stage$share");
	$node->safe_psql('postgres', qq{CREATE DATABASE "$version"});
	$node->safe_psql($version, qq{CREATE EXTENSION community VERSION '$version'; SELECT community.install_tables('keeper');
		ALTER EXTENSION community UPDATE; SELECT community.install_tables();
		SELECT community.grant_application('shop_app'), community.grant_auditor('auditor')});
	$node->safe_psql('postgres', 'DROP DATABASE fresh; CREATE DATABASE fresh');
	$node->safe_psql('fresh', q{CREATE EXTENSION community; SELECT community.install_tables('keeper');
		SELECT community.grant_application('shop_app'), community.grant_auditor('auditor')});
	is(whole_dump($version), whole_dump('fresh'), "$version, updated, equals fresh");
}

$node->stop;
done_testing();
