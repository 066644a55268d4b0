# All that members do, at once.  Were this broken, two requests that meet would
# lose, double or mix up what each does alone, at some isolation level; a retry
# would count again; or the books would disagree while they are being written.
#
#   COMMUNITY_MIXED_OPERATIONS   at the four levels together; 1000000 in
#                                make test-long; without it, 8 seconds at mixed
#                                ones, and at least 250 steps of each client
#
# See Mixed.pm for what is done, and MixedAudit.pm for what must hold.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;
use Community;
use Load;
use Mixed;
use MixedAudit;
use PostgreSQL::Test::Utils;
use Test::More;

my $operations = $ENV{COMMUNITY_MIXED_OPERATIONS} || 0;
my $node = load_node('main');
mixed_setup($node);
mixed_audit_setup($node);

my @level = ('read committed', 'repeatable read', 'serializable');
foreach my $levels ($operations ? map { [$_] } @level : (), \@level)
{
	my $phase = @$levels > 1 ? 'mixed levels' : $levels->[0];
	my $count = mixed_load($node, phase => $phase, levels => $levels,
		$operations ? (operations => $operations / 4) : (seconds => 8, least => 250));
	mixed_audit($node, $phase);
	note("$phase: ", join ', ', map { "$_ " . int $count->{$_} } sort keys %$count);
	cmp_ok($count->{'sent again'} // 0, '>', 10, "$phase: requests were delivered again");
	cmp_ok($count->{'key reused'} // 0, '>', 3, "$phase: keys were used for something else");
	cmp_ok($count->{audit} // 0, '>', 0, "$phase: somebody looked meanwhile");
	is($node->safe_psql('postgres', q{
		SELECT k FROM unnest('{record,refund,order,accrue,redeem,transfer,undo,hold,capture,release,enroll,move,group,join,envelope,claim}'::text[]) AS k
		WHERE (SELECT count(*) FROM log AS l WHERE l.what = 'ack' AND l.kind = k) < 2}), '', "$phase: each kind of request was made");
}
$node->stop;
done_testing();
