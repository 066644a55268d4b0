# Queries that SQLsmith makes up over our tables and functions.  Were this
# broken, a query could end the server, meet an internal error or never end.
#
#   COMMUNITY_SQLSMITH_QUERIES   how many; 20,000 in make test-long
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;
use Community;
use PostgreSQL::Test::Utils;
use Test::More;

my $queries = $ENV{COMMUNITY_SQLSMITH_QUERIES}
  or plan(skip_all => 'this one is for make test-long');
plan(skip_all => 'the package sqlsmith is not installed')
  if !grep { -x "$_/sqlsmith" } split /:/, $ENV{PATH};

# internal errors of the server's own: of its functions, called with anything, and
# of its parser, where a literal without a type is compared with a text
my $known = qr/invalid INTERVAL typmod|failed to find conversion function from unknown to /;

my $node = new_node('main');
$node->append_conf('postgresql.conf', "statement_timeout = '1s'\nlog_error_verbosity = verbose\n");
$node->safe_psql('postgres', 'CREATE DATABASE smith');
run_log([ 'psql', '-Xq', '-d', $node->connstr('smith'), '-o', '/dev/null', '-f',
		"$FindBin::RealBin/../blast/populate.sql" ]) or die 'cannot populate';
$node->reload;
my $target = sprintf 'host=%s port=%s user=%s dbname=smith', $node->host, $node->port, scalar getpwuid $<;
my ($out, $err) = run_command([ 'sqlsmith', "--target=$target", '--seed=7', '--exclude-catalog',
		"--max-queries=$queries", '--verbose' ]);
like($err, qr/queries: $queries\b/, 'all queries were answered');
my $log = slurp_file($node->logfile);
is_deeply([ grep { !/$known/ } $log =~ /(ERROR:  XX.*)/g ], [], 'no internal error');
unlike($log, qr/terminated by signal|PANIC|TRAP:/, 'no crash');
is($node->safe_psql('smith', q{SELECT count(*) FROM community.check_installation('quick')}), '0', 'the books are in order');
$node->stop;
done_testing();
