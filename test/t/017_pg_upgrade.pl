# pg_upgrade to the next majors.  It takes data files as they are, so the bytes
# of every type of ours stay for ever.  Were this broken, a cluster with a
# community could not go to another major, or would have other points there.
#
#   COMMUNITY_OTHER_PGS   pg_config of one or more other majors, in the order in
#                         which to go from this one; script/test-long sets it
use strict;
use warnings FATAL => 'all';
use Cwd;
use FindBin;
use lib $FindBin::RealBin;
use Community;
use IPC::Run;
use Moves;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $tree = getcwd();
my @other = split ' ', $ENV{COMMUNITY_OTHER_PGS} // '';
plan(skip_all => 'COMMUNITY_OTHER_PGS names no other major; make test-long does') unless @other;
plan(skip_all => 'needs the tree that script/withpg makes') unless $ENV{COMMUNITY_STAGE};
foreach (@other)
{
	plan(skip_all => "cannot reach $_ as this user") unless -x $_;
}

my $dir = $PostgreSQL::Test::Utils::tmp_check;
my @init = ('--encoding=UTF8', '--no-locale');

sub run
{
	my (@command) = @_;
	my $out = '';
	my $ok = IPC::Run::run(\@command, '<', '/dev/null', '>&', \$out);
	note($out) unless $ok;
	return $ok;
}

# Two clusters of another server, with the extension built for it.  The server is a
# copy, as pg_upgrade looks for libraries nowhere but in the server's own folder.
sub other_cluster
{
	my ($pg_config) = @_;
	my $of = sub { return `$pg_config $_[0]` =~ s/\n//r };
	my ($version) = $of->('--version') =~ /(\d+\.\d+)/;
	my ($major) = $version =~ /^(\d+)/;
	my ($bin, $lib, $share) = map { $of->("--$_") } qw(bindir pkglibdir sharedir);
	my ($stage, $build, $copy) = map { "$dir/$_$major" } qw(stage build server);
	my $places = "$bin\n$lib\n$share";
	my ($prefix) = $places =~ m{^(.*/).*\n\1.*\n\1.*$} or die "no common folder of $places";
	my ($own_bin, $own_lib, $own_share) = map { $copy . '/' . substr $_, length $prefix } ($bin, $lib, $share);

	mkdir $build;
	run('cp', '-a', (map { "$tree/$_" } qw(Makefile community.control src)), $build) or die 'cp';
	run('find', $build, '-name', '*.[od]', '-delete') or die 'find';
	ok(run('make', '-s', '-C', $build, 'with_llvm=no', 'WERROR=1', "PG_CONFIG=$pg_config", "DESTDIR=$stage", '-j2', 'install'),
		"the extension is built for $version");
	foreach ([ $bin, $own_bin ], [ $lib, $own_lib ], [ $share, $own_share ])
	{
		run('mkdir', '-p', $_->[1]) && run('cp', '-a', "$_->[0]/.", $_->[1]) or die 'cannot copy the server';
	}
	run('cp', "$stage$lib/community.so", $own_lib) && run('cp', '-r', "$stage$share/extension", $own_share) or die 'cannot install';

	# in place of what tells this server where to look
	append_to_file("$dir/conf$major", "timezone = 'UTC'\njit = off\n");
	local $ENV{TEMP_CONFIG} = "$dir/conf$major";
	my @cluster = map { PostgreSQL::Test::Cluster->new("$_$major", install_path => $own_bin =~ s{/bin$}{}r) } qw(of other);
	$_->init(extra => [ @init, $major >= 18 ? '--no-data-checksums' : () ]) foreach @cluster;
	return (@cluster, $own_bin, $version);
}

# Has it been refused because one server has had later fixes than the other?
# Those that have them mark columns by a parameter which the others do not know.
sub is_another_round
{
	my ($new) = @_;
	my @log = glob $new->data_dir . '/pg_upgrade_output.d/*/log/pg_upgrade_{dump,server}*.log';
	return grep { slurp_file($_) =~ /unrecognized parameter "pg_attver"/ } @log;
}

my $old = new_node('old');
my $old_bin = `$ENV{PG_CONFIG} --bindir` =~ s/\n//r;
my ($old_version) = `$ENV{PG_CONFIG} --version` =~ /(\d+\.\d+)/;
make_roles($old);
make_full_database($old, 'full');

foreach my $pg_config (@other)
{
	my ($new, $spare, $new_bin, $new_version) = other_cluster($pg_config);
	my $what = "from $old_version to $new_version";
	my $before = picture_of($old, 'full');
	$old->stop;
	chdir $dir or die $dir;
	my $upgraded = run("$new_bin/pg_upgrade", '-b', $old_bin, '-B', $new_bin, '-d', $old->data_dir, '-D', $new->data_dir,
		'-s', $new->host, '-p', $old->port, '-P', $new->port);
	chdir $tree or die $tree;
	if (!$upgraded && is_another_round($new))
	{
		pass("$what: pg_upgrade refuses servers that are not of the same round");
		$old->start;
		is_same_picture(picture_of($old, 'full'), $before, "$what: nothing is harmed by that");
		# so there is no way but a dump, without those marks, which rows as text do not need
		$new = $spare;
		$new->start;
		make_roles($new);
		$new->safe_psql('postgres', 'CREATE DATABASE "full"');
		ok(run("$new_bin/pg_dump", '-d', $old->connstr('full'), '-f', "$dir/dump$new_version.sql"), "$what: pg_dump of the new server");
		append_to_file("$dir/unmarked.sql", slurp_file("$dir/dump$new_version.sql") =~ s/^ALTER TABLE .* SET \(pg_attver=\d+\);\n//gmr);
		ok(psql_file($new, 'full', "$dir/unmarked.sql"), "$what: restored there") or last;
		$old->stop;
	}
	else
	{
		ok($upgraded, "$what: pg_upgrade") or last;
		$new->start;
	}
	# each major shows views, rights and columns in its own way
	is_same_picture(picture_of($new, 'full'), $before, $what, qw(views owners columns));
	# work is done in a copy, as the keys of its calls are good for once
	$new->safe_psql('postgres', 'CREATE DATABASE worked TEMPLATE "full"');
	is_at_work($new, 'worked', $what);
	$new->safe_psql('postgres', 'DROP DATABASE worked');
	($old, $old_bin, $old_version) = ($new, $new_bin, $new_version);
}

$old->stop if $old->{_pid};
done_testing();
