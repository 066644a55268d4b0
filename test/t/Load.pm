# Clients under load: sessions that live through whatever happens to them, and
# processes that use them.  Use it as Community.pm, which it needs.
#
# A session is psql at the other end of two pipes, so any number of statements
# can be run in it one after the other, each with its SQLSTATE.
package Load;

use strict;
use warnings FATAL => 'all';
use Community;
use Exporter 'import';
use IPC::Open2;
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

our @EXPORT = qw(LOAD_CONF load_node connect_as reconnect disconnect run ask answer start_process
	is_wanted wait_for restart_after_kill);
my $parent = $$;

# For many clients, who are to be told soon of a deadlock.
use constant LOAD_CONF => <<'CONF';
max_connections = 60
deadlock_timeout = '100ms'
log_statement = none
CONF

# A started server for these.
sub load_node
{
	my ($name) = @_;
	my $node = new_node($name);
	$node->append_conf('postgresql.conf', LOAD_CONF);
	$node->restart;
	return $node;
}

# A session at an isolation level, as a role, with further settings; with a
# server, or whichever of several a connection string leads to.
sub connect_as
{
	my ($node, $level, $role, %setting) = @_;
	$setting{default_transaction_isolation} = $level;
	local $ENV{PGOPTIONS} = join ' ',
	  map { "-c $_=" . $setting{$_} =~ s/ /\\ /gr } sort keys %setting;
	open my $stderr, '>&', \*STDERR or die;
	open STDERR, '>>', "$PostgreSQL::Test::Utils::tmp_check/sessions.err" or die;
	my $pid = open2(my $out, my $in, 'psql', '-XqAt', '-F', ' ', '-d',
		(ref $node ? $node->connstr('postgres') : $node) . ($role ? " user=$role" : ''));
	open STDERR, '>&', $stderr or die;
	$in->autoflush(1);
	return {
		pid => $pid, in => $in, out => $out,
		again => [ $node, $level, $role, %setting ] };
}

sub disconnect
{
	my ($session) = @_;
	close $session->{in};
	close $session->{out};
	waitpid $session->{pid}, 0;
	return;
}

# A new session in place of one that was lost.  It may still be none, when the
# server has been away for a minute.
sub reconnect
{
	my ($session) = @_;
	my $new;
	foreach my $try (1 .. 600)
	{
		last if $$ != $parent && !is_wanted();
		disconnect($new // $session);
		sleep 0.1;
		$new = connect_as(@{ $session->{again} });
		last if ((run($new, 'SELECT 1'))[0] // '') eq '00000';
	}
	return $new;
}

# Run one statement: its SQLSTATE and the rows; none when the server is gone.
sub run
{
	my ($session, $sql) = @_;
	ask($session, $sql) or return;
	return answer($session);
}

# The two halves of it.
sub ask
{
	my ($session, $sql) = @_;
	my $in = $session->{in};
	return print $in "$sql;\n\\echo =:SQLSTATE\n";
}

sub answer
{
	my ($session) = @_;
	my @row;
	while (defined(my $line = readline $session->{out}))
	{
		chomp $line;
		# without a code it was psql that failed, for want of a server
		return $1 eq '' ? () : ($1, @row) if $line =~ /^=(|\w{5})$/;
		push @row, $line;
	}
	return;
}

# Do some work beside us.
sub start_process
{
	my ($work, @arguments) = @_;
	my $pid = fork // die "fork: $!";
	return $pid if $pid;
	# a session that is lost is seen when it is read
	local $SIG{PIPE} = 'IGNORE';
	eval { $work->(@arguments); 1 } or do
	{
		append_to_file("$PostgreSQL::Test::Utils::tmp_check/died", $@);
		POSIX::_exit(1);
	};
	POSIX::_exit(0);
}

# Whoever works beside a test must look whether there still is one.
sub is_wanted
{
	return getppid() == $parent;
}

# Wait for processes.  That each came to its end is a test.
sub wait_for
{
	my ($what, @pid) = @_;
	my $died = "$PostgreSQL::Test::Utils::tmp_check/died";
	waitpid $_, 0 foreach @pid;
	is(-e $died ? slurp_file($died) : '', '', "$what: every client came to its end");
	return;
}

# Kill the server without warning, and start it again.
sub restart_after_kill
{
	my ($node) = @_;
	my ($postmaster) = split /\n/, slurp_file($node->data_dir . '/postmaster.pid');
	$node->kill9;
	# there is no starting until it and all its processes are gone
	foreach my $try (1 .. 300)
	{
		sleep 0.2;
		return 1 if !kill(0, $postmaster) && $node->start(fail_ok => 1);
	}
	return 0;
}

1;
