# The load of 014_mixed.pl on a server that is killed, interrupted, out of
# disk, out of memory, replaced by its standby or taken back in time.  Were this
# broken, something that was acknowledged would be lost, or a request counted
# twice when it is sent again, or the books would not survive what the server
# survives.
#
#   COMMUNITY_FAULTS_KILLS   of the server or of a session; 60 in make test-long,
#                            which alone also limits memory
#
# What a server refuses for want of disk or memory is the server's to say; what
# is there afterwards is ours.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;
use Community;
use IPC::Run;
use Load;
use Mixed;
use MixedAudit;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $kills = $ENV{COMMUNITY_FAULTS_KILLS} || 2;
my $dir = $PostgreSQL::Test::Utils::tmp_check;
my @level = ('read committed', 'repeatable read', 'serializable');
my $conf = LOAD_CONF . "restart_after_crash = on\n";

sub note_counts
{
	my ($phase, $count) = @_;
	note("$phase: ", join ', ', map { "$_ " . int $count->{$_} } sort keys %$count);
	return;
}

# The sessions of the clients of a phase: their keys begin with its name.
sub sessions
{
	my ($phase) = @_;
	return "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query LIKE '%''$phase %'";
}

# Wait until they are at work, and then a little.
sub let_work
{
	my ($server, $phase, $seconds) = @_;
	$server->poll_query_until('postgres', 'SELECT count(*) >= 6 ' . sessions($phase));
	sleep $seconds;
	return;
}

# ---- killed

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(allows_streaming => 1, has_archiving => 1, extra => [ '--encoding=UTF8', '--no-locale' ]);
$node->append_conf('postgresql.conf', "timezone = 'UTC'\n$conf");
$node->start;
plan_skip_without_extension($node);
mixed_setup($node);
mixed_audit_setup($node);
foreach my $kill (1 .. $kills)
{
	my $what = $kill % 2 ? 'server' : 'session';
	my $phase = "$what killed $kill";
	my $count = mixed_load($node, phase => $phase, seconds => 2,
		levels => $kill % 4 ? [ $level[ $kill % 4 - 1 ] ] : \@level,
		during => sub {
			let_work($node, $phase, 0.2 + 0.8 * rand);
			if ($what eq 'server')
			{
				ok(restart_after_kill($node), "$phase: it starts again");
			}
			else
			{
				my ($pid) = lines_of($node, 'postgres', 'SELECT pid ' . sessions($phase));
				is($pid && kill(9, $pid), 1, "$phase: it is gone");
			}
		});
	note_counts($phase, $count);
	cmp_ok($count->{'connection lost'} // 0, '>', 0, "$phase: clients noticed");
	mixed_audit($node, $phase);
}

# ---- interrupted at any moment, and with hardly any patience

my ($cancelled, $terminated) = (0, 0);
my $count = mixed_load($node, phase => 'interrupted', seconds => 3, levels => \@level,
	settings => { statement_timeout => '4ms', lock_timeout => '2ms' },
	during => sub {
		let_work($node, 'interrupted', 0);
		my $end = time + 2.5;
		while (time < $end)
		{
			my $terminate = rand() < 0.2;
			my $done = $node->safe_psql('postgres', 'SELECT pg_' . ($terminate ? 'terminate' : 'cancel') . '_backend(pid) '
				  . sessions('interrupted') . ' ORDER BY random() LIMIT 1');
			next if $done ne 't';
			$terminate ? $terminated++ : $cancelled++;
		}
	});
note_counts('interrupted', $count);
cmp_ok($cancelled, '>', 5, "$cancelled statements were cancelled");
cmp_ok($terminated, '>', 0, "$terminated sessions were ended");
cmp_ok($count->{57014} // 0, '>', 5, 'some were cancelled for being slow');
cmp_ok($count->{'connection lost'} // 0, '>', 0, 'and some sessions lost');
mixed_audit($node, 'interrupted');

# ---- out of memory: no process may have more than it has now and a little

SKIP:
{
	my ($postmaster) = split /\n/, slurp_file($node->data_dir . '/postmaster.pid');
	my ($has) = slurp_file("/proc/$postmaster/status") =~ /^VmSize:\s+(\d+)/m;
	my $most = ($has + 30_000) * 1024;
	skip 'memory is limited in make test-long', 1 if $kills <= 2;
	skip 'memory cannot be limited here', 1 if system("prlimit --pid $postmaster --as=$most >/dev/null 2>&1") != 0;
	# what needs more than there is: some of the server's, some of ours
	my @hog = (
		q{SELECT length(repeat('x', 200000000))},
		q{SELECT community.gini(n) FROM generate_series(1, 4000000) AS n},
		q{SELECT community.sum(community.purse(1, '2024-01-01', to_timestamp(n), 0)) FROM generate_series(1, 1000000) AS n},
		q{SELECT * FROM community.degrees('SELECT n, n + 1 FROM generate_series(1, 4000000) AS n')},
		q{SELECT community.participation_shares(n) FROM generate_series(1, 4000000) AS n});
	my %answer;
	$count = mixed_load($node, phase => 'no memory', seconds => 2.5, levels => \@level, also => qr/^53200$/,
		during => sub {
			my $session = connect_as($node, 'read committed', '');
			foreach my $hog (@hog)
			{
				my ($state) = run($session, $hog);
				$answer{$hog} = $state // 'lost';
				is((run($session, 'SELECT 1'))[0], '00000', "no memory for $hog: the session goes on");
			}
			disconnect($session);
		});
	note_counts('no memory', $count);
	is_deeply(\%answer, { map { $_ => '53200' } @hog }, 'no memory: that is what is said');
	mixed_audit($node, 'no memory');
	$node->restart;
}

# ---- no room on disk: for data an error, for the log a server that goes down.
# A file system that is as small as we want it needs a namespace in which an
# ordinary user may mount.

# Run something there; as its root, or as somebody whom a server may run as.
sub there
{
	my ($holder, $as_root, @command) = @_;
	my $status = system('nsenter', '--target', $holder, '--user', '--mount', '--preserve-credentials',
		$as_root ? () : ('unshare', '--user', '--map-user=1', '--map-group=1'), @command);
	return $status == 0;
}

sub start_there
{
	my ($small, $holder) = @_;
	# it logs where it did before, and does not keep our output open
	there($holder, 0, 'pg_ctl', '-w', '-s', '-D', $small->data_dir, '-l', $small->logfile, '-o', '--cluster-name=small', 'start') or return 0;
	$small->_update_pid(1);
	return 1;
}

SKIP:
{
	my $small = PostgreSQL::Test::Cluster->new('small');
	$small->init(extra => [ '--encoding=UTF8', '--no-locale', '--wal-segsize=1' ]);
	$small->append_conf('postgresql.conf', "timezone = 'UTC'\n${conf}min_wal_size = 2MB\nmax_wal_size = 4MB\nwal_recycle = off\n");
	my $data = $small->data_dir;
	my $mount = "cd $data && for part in base pg_wal; do cp -a \$part was && mount -n -t tmpfs -o size=96m tmpfs \$part"
	  . ' && cp -a was/. $part && rm -r was || exit 1; done; echo ready; read -r end';
	my ($to, $from, $err) = ('', '', '');
	my $shell = eval { IPC::Run::start([ 'unshare', '--user', '--map-root-user', '--mount', 'sh', '-c', $mount ], '<', \$to, '>', \$from, '2>', \$err) };
	IPC::Run::pump($shell) while $shell && $from !~ /ready/ && IPC::Run::pumpable($shell);
	my $holder = $shell ? $shell->{KIDS}[0]{PID} : 0;
	if ($from !~ /ready/ || !start_there($small, $holder))
	{
		$err =~ s/\n.*//s;
		skip "nothing can be mounted here: $err", 1;
	}
	plan_skip_without_extension($small);
	mixed_setup($small);
	mixed_audit_setup($small);
	my $down;
	$count = mixed_load($small, phase => 'no room', books => 'small', seconds => 4, levels => \@level, also => qr/^53100$/,
		during => sub {
			my $fill = sub { there($holder, 1, 'sh', '-c', "cat /dev/zero >>$data/$_[0]/filler 2>/dev/null"); return };
			my $free = sub { there($holder, 1, 'rm', "$data/$_[0]/filler") };
			let_work($small, 'no room', 0.5);
			$fill->('base');
			sleep 1;
			$free->('base');
			sleep 0.5;
			# the log reuses what room it has
			foreach (1 .. 5)
			{
				$fill->('pg_wal');
				$small->psql('postgres', 'SELECT pg_switch_wal()');
				sleep 0.2;
			}
			$free->('pg_wal');
			# what went down with a full log starts with an empty one
			sleep 0.5;
			my ($pid) = split /\n/, -e "$data/postmaster.pid" ? slurp_file("$data/postmaster.pid") : '0';
			$down = !$pid || !kill 0, $pid;
			ok(start_there($small, $holder), 'no room: it starts again') if $down;
		});
	note_counts('no room', $count);
	my $log = slurp_file($small->logfile);
	ok($log =~ /ERROR:  could not extend file .*No space left/, 'no room: for data');
	ok($log =~ /(PANIC|FATAL):  could not write to file "pg_wal.*No space left/, 'no room: for the log');
	mixed_audit($small, 'no room', 'small');
	$small->stop;
	$to .= "end\n";
	IPC::Run::finish($shell);
}

# ---- replaced by its standby, and taken back to a moment of the same load

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->safe_psql('postgres', q{ALTER SYSTEM SET synchronous_standby_names = 'standby'});
$node->reload;
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'});
my $totals = q{SELECT (SELECT count(*) || ' ' || coalesce(sum(amount), 0) FROM community.event), (SELECT count(*) || ' ' || sum(points) FROM community.entry),
	(SELECT count(*) || ' ' || sum(points) FROM community.commission), (SELECT count(*) FROM history), (SELECT count(*) FROM community.referral)};
my $then;
$count = mixed_load($node, phase => 'standby', seconds => 4, levels => \@level,
	connstr => sprintf('host=%s,%s port=%d,%d dbname=postgres target_session_attrs=read-write',
		$node->host, $standby->host, $node->port, $standby->port),
	during => sub {
		let_work($node, 'standby', 0.7);
		# nobody writes while we count, and nobody has written and not committed;
		# clients that write one table and wait for another may be in the way
		foreach my $try (1 .. 50)
		{
			my ($rc, $out) = $node->psql('postgres', qq{
				BEGIN;
				LOCK community.member, community.event, community.entry, community.commission, community.referral, history IN SHARE MODE;
				$totals;
				SELECT FROM pg_create_restore_point('then');
				COMMIT}, on_error_stop => 1);
			$then = $out;
			last if $rc == 0;
		}
		my $wal = $node->safe_psql('postgres', 'SELECT pg_walfile_name(pg_switch_wal())');
		sleep 0.5;
		$node->poll_query_until('postgres', "SELECT last_archived_wal >= '$wal' FROM pg_stat_archiver");
		$node->kill9;
		$standby->promote;
	});
note_counts('standby', $count);
cmp_ok($count->{'connection lost'} // 0, '>', 0, 'standby: clients noticed');
mixed_audit($standby, 'standby');

my $past = PostgreSQL::Test::Cluster->new('past');
$past->init_from_backup($node, 'base', has_restoring => 1);
$past->append_conf('postgresql.conf', "recovery_target_name = 'then'\nrecovery_target_action = 'promote'\n");
$past->start;
$past->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
is($past->safe_psql('postgres', $totals), $then, 'taken back: totals are those of then');
isnt($then, $standby->safe_psql('postgres', $totals), 'taken back: of then and not of now');
mixed_read_logs($past);
is(join("\n", mixed_faults($past, 1)), '', 'taken back: the books agree');
$past->stop;
$standby->stop;
done_testing();
