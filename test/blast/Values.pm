# The values that test/blast throws at the extension, as SQL expressions.
# Those of %NASTY go by type: extremes, oddities, and what has broken other
# programs.  Those of plausible() go by the argument's name, so that calls get
# past the first check and deep into the work.
package Values;

use strict;
use warnings FATAL => 'all';

# as SQL strings
sub quoted
{
	my @text = @_;
	s/'/''/g foreach @text;
	return wantarray ? map("'$_'", @text) : "'$text[0]'";
}

# long strings are made by the server, so that a log stays readable
my @integer = qw(0 1 -1 2 7 100 65535 65536 1000000 2147483647 -2147483648);
my @bigint = (@integer, qw(4294967296 9007199254740993 9223372036854775806 9223372036854775807
	  -9223372036854775808));
my @float = quoted qw(NaN Infinity -Infinity 0 -0 5e-324 1.7976931348623157e308 -1.5 0.5 1e-9 1e18 9.3e18);
my @text = (
	quoted('', ' ', 'a', 'NULL', '{}', '{1,2}', '[1,2)', '(,)', '-1', '0', '1e400', 'NaN', 'infinity',
		'9999999999999999999999', q(a'b"c), q('; DROP TABLE community.event; --), q(" OR 1=1 --), '%s%n%d%',
		'%1$s', '../../etc/passwd', 'pg_catalog.pg_class', '"Weird Name"', '$1', '$$', '\\', '\\000', 'select',
		'select 1; select 2', 'SELECT 1', 'COMMIT', 'now()', '/*', '--', 'Ünïcödé', 'é' x 63, '中文', 'x' x 63,
		'x' x 64, '*', 'a b', 'null::int', '1/0', '{"a": 1}', 'P1Y'),
	"repeat('x', 513)", "repeat('x', 70000)", "repeat('\x{c3}\x{a9}', 1000)", "repeat('(', 20000)",
	"repeat('[', 20000)", "repeat('\"', 1001)", "E'\\n\\t\\r\\b'", "chr(1)", "E'a\\nb'", "repeat('1+', 20000) || '1'",
	"repeat('NOT ', 20000) || 'true'");
my @time = quoted 'infinity', '-infinity', 'epoch', '294276-12-31 23:59:59.999999+00',
  '4714-11-24 00:00:00+00 BC', '2024-02-29', '2025-03-30 02:30:00 Europe/Berlin', '2026-10-25 01:30:00+00', '2000-01-01',
  '0001-01-01 BC', '99999-01-01', '1999-12-31 23:59:59.999999+00';
my @jsonb = (
	quoted('{}', '[]', 'null', 'true', '1', '-1', '1e1000', '""', '"x"', '[null]', '[[]]', '[1, "a", {}]',
		'{"": ""}', '{"a": {"b": [1, 2, {"c": null}]}}', '{"name": 1, "tiers": 7}', '{"tiers": [1]}',
		'{"tiers": [{"name": [], "rank": "x", "requirements": [{}]}]}', '{"tiers": "[{}]", "name": null}',
		'[{"level": 1e400, "rate": "NaN"}]', '[0.1, -1, "x"]', '{"minimum": "x", "within": []}',
		'{"minimum": 1e300, "within": "-1 day", "span": {}, "reward": -1, "margin": 9}', '{"points": 1e30}',
		'{"points": "NaN", "name": "x", "valid": 3, "type": [], "program_id": 2}', '{"rule_id": null, "version": {}}'),
	"(repeat('[', 5000) || repeat(']', 5000))", "(repeat('{\"a\":', 5000) || '1' || repeat('}', 5000))",
	"to_jsonb(repeat('y', 100000))", "(SELECT jsonb_object_agg(g, g) FROM generate_series(1, 2000) AS g)");
my @period = quoted '', 'lifetime', 'calendar year', 'calendar month', 'calendar 2 weeks from 2024-01-14',
  'calendar day from 04:00', 'calendar month from day 31', 'calendar year from 02-29', 'calendar 2147483647 years',
  'calendar 0 days', 'rolling 365 days', 'rolling 1 hour', 'rolling 178000000 years', 'rolling 2147483647 days',
  'rolling 0 days', 'rolling -1 days', 'anniversary year', 'anniversary 999999999 days', 'rolling', 'calendar fortnight';
my @purse = quoted '', '{', '{}', '{1}', '{100[2026-02-01T00:00:00Z,2027-02-01T00:00:00Z), 25#1}',
  '{9223372036854775807}', '{-9223372036854775808}', '{1[infinity,infinity)}', '{NaN}',
  '{9223372036854775807, 9223372036854775807#1, -9223372036854775808#-2147483648}';
my @decayed = quoted '', '1.25@2000-01-22 00:00:00+00/7 days', '0/7 days', '-1e308@2025-01-01Z/1 second',
  '1@infinity/7 days', 'NaN@2025-01-01Z/7 days', '1@2025-01-01Z/-7 days', '5e-324@4713-01-01Z/178000000 years',
  '1@2025-01-01', '@/';

our %NASTY = (
	'bigint' => \@bigint,
	'integer' => \@integer,
	'smallint' => [qw(0 1 -1 32767 -32768)],
	'oid' => [qw(0 1 23 25 1259 4294967295)],
	'boolean' => [qw(true false)],
	'double precision' => \@float,
	'real' => [ quoted qw(NaN Infinity -Infinity 0 1e-45 3.4e38) ],
	'numeric' => [ quoted(qw(NaN Infinity -Infinity 0 1 -1 0.5 1.005 0.0000000001 99999999999999999999999999 1e400)),
		"repeat('9', 5000)", "('0.' || repeat('3', 5000))" ],
	'text' => \@text,
	'cstring' => [ grep { !/^repeat|\|\||^chr/ } @text ],
	'bytea' => [ quoted('', '\\x00', '\\xffffffff', '\\x0000000000000000', '\\x01000000000000000100000000000000'),
		"decode(repeat('ff', 20000), 'hex')", "decode(repeat('00', 64), 'hex')", "decode(repeat('01', 333), 'hex')" ],
	'timestamp with time zone' => \@time,
	'interval' => [ quoted '0', '1 day', '1 mon', '-1 day', '1 us', '-1 us', '178000000 years', '-178000000 years',
		'2147483647 days', '24:00:00', '1 mon -30 days', '1 year', '1 day -24:00:00' ],
	'tstzrange' => [ quoted 'empty', '(,)', '[,2025-01-01)', '[2025-01-01,)', '[2025-01-01,2026-01-01)',
		'[2025-01-01,2025-01-01]', '(2025-01-01,2025-01-02]', '[-infinity,infinity]', '[infinity,infinity]', '(-infinity,)',
		'[0044-03-15 BC,294276-01-01)', '["2025-03-30 02:30 Europe/Berlin",)' ],
	'jsonb' => \@jsonb,
	'regclass' => [ qw(0 4294967295 1), quoted('pg_class', 'store.plain', 'store.orders_pkey', 'community.event',
		'community.super_user', 'community.id_sequence', 'community.event_pkey') ],
	'regrole' => [ 0, 4294967295, "'pg_read_all_data'" ],
	'bigint[]' => [ quoted('{}', '{NULL}', '{0}', '{1,2,3}', '{3,1,2,1}', '{9223372036854775807,1}', '{{1,2},{3,4}}',
		'[-5:-3]={1,2,3}', '[2147483640:2147483642]={1,2,3}', '{1,NULL,3}'), "array_fill(1::bigint, ARRAY[20000])" ],
	'text[]' => [ quoted('{}', '{NULL}', '{order}', '{order,post}', '{order,order}', '{a,"",b}', '{{a,b},{c,d}}', '[0:1]={a,b}',
		'{"%s","a\'b"}'), "array_fill('x'::text, ARRAY[5000])", "ARRAY[repeat('x', 70000)]" ],
	'cstring[]' => [ quoted '{}', '{NULL}', '{1 day}', '{x}', '{1 day,2 days}', '{{1 day}}' ],
	'double precision[]' => [ quoted('{}', '{NULL}', '{NaN}', '{0.5}', '{0.1,0.9,0.5}', '{-1,2}', '{Infinity,-Infinity}', '{{1,2},{3,4}}',
		'{0.243,4.414,0.793,2.426}', '{6,4,16}', '{1e308,1e308,1e308,1e308}', '{0,0,0,0}', '{5e-324,5e-324,5e-324,5e-324}'),
		"array_fill(0.5::float8, ARRAY[20000])" ],
	'numeric[]' => [ quoted('{}', '{NULL}', '{NaN}', '{0.5}', '{0.1,0.5,1}', '{1,2,3,4}', '{4,3,2,1}', '{Infinity}', '{-1,0}', '{{1},{2}}'),
		"array_fill(0.5::numeric, ARRAY[5000])" ],
	'interval[]' => [ quoted '{}', '{NULL}', '{1 day,30 days,90 days,365 days}', '{-1 day}', '{178000000 years}', '{{1 day}}', '{90 days,1 day,1 day,0}' ],
	'community.period' => \@period,
	'community.purse' => \@purse,
	'community.decayed' => \@decayed,
	'community.decayed[]' => [ "'{}'", "'{NULL}'", "ARRAY[community.decayed(1, '2025-01-01', '1 day'), NULL]",
		"array_fill(community.decayed(1, '2025-01-01', '90 days'), ARRAY[1000])",
		"ARRAY[community.decayed(1, '2025-01-01', '1 day'), community.decayed(1, '2025-01-01', '2 days')]" ],
	'community.purchase_summary' => [ "NULL", "'(1,2,3,4,5)'", "'(,,,,)'", "'()'",
		"(SELECT community.purchase_history(t, 5) FROM generate_series('2025-01-01'::timestamptz, '2025-06-01', '3 weeks') AS t)" ],
	'community.ltv_parameters' => [ map({ "community.ltv_parameters('$_->[0]', '{$_->[1]}')" }
		[ bg_nbd => '0.243,4.414,0.793,2.426' ], [ mbg_nbd => '0.525,6.183,0.891,1.614' ],
		[ pareto_nbd => '0.55,10.56,0.61,11.64' ], [ gamma_gamma => '6,4,16' ], [ bg_nbd => '1e-300,1e300,1e-300,1e300' ]),
		"'(bg_nbd,,,,,)'", "'(x,1,1,1,1)'", "'(,,,,)'" ],
	'community.ltv_result' => [ "NULL", "'(,,,,,,)'", "community.fit_bg_nbd('SELECT g % 4 AS x, (g % 4) * 3.0 AS t_x, 40.0 AS t FROM generate_series(1, 20) AS g')" ],
);

# Ids of rows, as they are in the database that is blasted, by argument name.
my %ID = (
	envelope => 'SELECT envelope_id FROM community.envelope',
	budget => 'SELECT budget_id FROM community.budget',
	group_id => 'SELECT group_id FROM community.group_buy',
	bargain_id => 'SELECT bargain_id FROM community.bargain',
	flag => 'SELECT flag_id FROM community.referral_flag',
	sanction => 'SELECT sanction_id FROM community.referral_sanction',
	ladder_id => 'SELECT ladder_id FROM community.ladder',
	token => 'SELECT token FROM community.referral_share',
	definition => 'SELECT definition FROM community.ladder_version',
	state => 'SELECT 1 WHERE false');

# Names and keys that mean something there.
my %NAME = (
	currency => [ 'points', 'miles', 'credit', 'odd "name" %s; --', 'secret' ],
	ladder => [ 'status', 'club', 'draft %s' ],
	tier => [ 'silver', 'gold', 'black', 'founder', 'board' ],
	measure => [ 'spend', 'posts', 'friends', 'earned', 'recruits' ],
	benefit => [ 'double', 'welcome', 'lounge' ],
	award => [ 'first order', 'busy month' ],
	type => [ 'order', 'post', 'thank', 'black card', 'new' ],
	code => [ (map { "CODE$_" } 1 .. 9), 'SECRETCODE', 'double', 'lounge' ],
	visitor => [ 'visitor 5', 'visitor 6' ],
	channel => [ 'mail', 'link' ],
	campaign => [ 'spring' ],
	external_id => [ 'ext 3', 'ext 6', 'secret of forum 1000' ],
	level => [ 'quick', 'full' ],
	what => [ 'engagement', 'labels', 'accounts', 'tenures', 'standings', 'balances', 'referrals', 'caps' ],
	time_zone => [ 'UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Shanghai', 'Nowhere' ],
	split => [ 'equal', 'random' ],
	format => [ 'dot', 'mermaid', 'json', 'graphml' ],
	charset => [ 'utf8', 'ascii' ],
	kind => [ 'sum', 'count', 'maximum', 'points', 'email', 'phone', 'device', 'payout', 'address', 'unilevel', 'differential',
		'breakaway', 'multiplier', 'allowance', 'flag', 'function' ],
	action => [ 'hold', 'close', 'comment', 'disable_invites' ],
	decision => [ 'hold', 'release', 'confirm' ],
	binding => [ 'permanent', 'window', 'rebindable' ],
	touch => [ 'first', 'last' ],
	model => [ 'bg_nbd', 'mbg_nbd', 'pareto_nbd', 'gamma_gamma' ],
	source => [ 'api', 'ledger', 'store.orders' ],
	name => [ 'unit', 'extra', 'sale', 'spend', 'fresh' ],
	function => [ 'pg_catalog.int8pl', 'store.measured', 'now' ],
	value => [ 'm1@example.org', '+49 170 1234567', '192.0.2.1' ],
	unit => [ '1 day', '1 week' ],
	promotion_type => [ 'post' ], conversion_type => [ 'order' ],
	inviter_ladder => [ 'status' ], inviter_tier => [ 'gold' ], least_tier => [ 'gold' ], leader_tier => [ 'gold' ],
	condition => [ 'total > 0', 'customer IS NOT NULL' ],
	amount => [ 'total', '(total * 2)::bigint', '1' ], occurred_at => [ 'at', 'now()' ],
	member => [ 'customer', 'who' ], target => [ 'customer', '1' ],
	key => [ 'id', 'e1', 'e2', 'e3', 'e5', 'h11', 'h12', 'a1', 'b1', 'r1', 't2', 'env10', 'grant20', 'lock26', 'veto29', 'invite31',
		'seat1', 'share1', 'group1', 'join1', 'bargain1', 'cut1', 'secret key 1', 'secret group' ],
	query => [ 'SELECT g % 4 AS x, (g % 4) * 3.0 AS t_x, 40.0 AS t FROM generate_series(1, 50) AS g',
		"SELECT member_id AS member, occurred_at AS at, amount FROM community.event WHERE type = 'order'",
		'SELECT member_id, occurred_at, amount FROM community.event',
		'SELECT 3 AS x, 20.0 AS mean FROM generate_series(1, 20)', 'SELECT NULL, NULL, NULL', 'SELECT 1 AS x, 2 AS t_x', 'SELECT 1 WHERE false',
		"SELECT 1::bigint, 'NaN'::float8, 'infinity'::float8", "SELECT -1 AS x, -1.0 AS t_x, -5.0 AS t",
		"SELECT 'NaN'::float8 AS x, 'NaN'::float8 AS t_x, 'NaN'::float8 AS t", 'SELECT generate_series(1, 100000)', 'TABLE community.member',
		"SELECT 1, 'infinity'::timestamptz, 9223372036854775807 FROM generate_series(1, 9)", 'DELETE FROM store.plain RETURNING id', 'VACUUM' ]);

my @now = ("now()", "now() - interval '1 day'", "now() + interval '30 days'", "'2025-03-15 12:00+00'", "'2025-06-01'",
	"'2025-11-30 23:00+00'", "'2026-01-01'");
my @members = (1 .. 60, 1 .. 60, 117, 118, 120, 1000, 1001, 1030, 424242);

# Say the ids of the database's programs and rows to plausible().
sub learn
{
	my ($wire) = @_;
	my $self = { new => 0 };
	$self->{program}{$_} = $wire->query("SELECT program_id FROM community.program WHERE name = '$_'")->{value}
	  foreach qw(shop forum empty);
	foreach my $name (keys %ID)
	{
		# a few rows of each program, in one line
		my $all = $wire->query("SELECT string_agg(x::text, chr(31) ORDER BY x::text) FROM ($ID{$name}) AS t (x)")->{value} // '';
		$self->{id}{$name} = [ quoted split /\x1f/, $all ];
	}
	return bless $self, 'Values';
}

# A value that fits the name and type of an argument; none if we know of none.
sub plausible
{
	my ($self, $random, $name, $type) = @_;
	my $pick = sub { return $_[ $random->(scalar @_) ] };
	if ($type eq 'bigint' || $type eq 'integer')
	{
		return $pick->(($self->{program}{shop}) x 12, @{ $self->{program} }{qw(forum empty)}, 0, 424242)
		  if $name eq 'program';
		return $pick->(@members)
		  if $name =~ /^(member|from_member|into_member|to_member|sponsor|leader|ancestor|a|b|target)$/;
		return $pick->(@{ $self->{id}{$name} }) if @{ $self->{id}{$name} // [] };
		return $pick->(1 .. 12, 100);
	}
	if ($type eq 'text')
	{
		# a key that nobody has used
		return "'new " . ++$self->{new} . "'" if $name =~ /key$/ && $random->(2);
		return $pick->(@{ $self->{id}{$name} }) if @{ $self->{id}{$name} // [] };
		return quoted($pick->(@{ $NAME{$name} })) if $NAME{$name};
		return "'fair reason'";
	}
	return $pick->(@now) if $type eq 'timestamp with time zone';
	return $pick->("'1 day'", "'30 days'", "'90 days'", "'1 year'") if $type eq 'interval';
	return $pick->(0.01, 0.1, 0.5, 1, 1.5, 10, 52) if $type eq 'double precision' || $type eq 'numeric';
	return $pick->("'(,)'", "'[2025-01-01,2026-01-01)'", "'[2025-06-01,)'") if $type eq 'tstzrange';
	return $pick->("'store.orders'", "'store.plain'") if $type eq 'regclass';
	return "'blast_friend'" if $type eq 'regrole';
	return $pick->("'lifetime'", "'calendar month'", "'rolling 30 days'") if $type eq 'community.period';
	return $pick->("community.purse(10)", "community.purse(5, '2025-01-01', '2026-01-01', 3)",
		"(SELECT delta FROM community.entry ORDER BY entry_id LIMIT 1)",
		"(SELECT community.sum(delta) FROM community.entry WHERE points > 0)") if $type eq 'community.purse';
	return $pick->("community.decayed(5, '2025-01-01', '90 days')", "community.decayed(1e-3, '2026-01-01', '90 days')",
		"community.decayed(-7, '2020-01-01', '90 days')") if $type eq 'community.decayed';
	if ($type eq 'jsonb')
	{
		return $pick->(@{ $self->{id}{definition} }) if $name eq 'definition';
		return "'[0.1, 0.05]'" if $name eq 'rates';
		return "'{\"points\": 3}'" if $name eq 'changes';
		return $pick->("'{}'", "'{\"dept\": 1}'", "'{\"minimum\": 3}'");
	}
	return;
}

# Any value of the type: an expression with its cast, sometimes NULL.
sub nasty
{
	my ($self, $random, $type) = @_;
	return "NULL::$type" if $random->(8) == 0;
	my $values = $NASTY{$type};
	return sprintf '(%s)::%s', $values->[ $random->(scalar @$values) ], $type if $values;
	return "'{}'::$type" if $type =~ /\[\]$/;
	return;
}

1;
