# Who may do what.  Were this broken, somebody without the right would read
# members or write events, an ordinary customer's insert would fail for want of
# rights, or code of a hostile user would run with the rights of another role.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;
use Community;
use Test::More;

my $node = new_node('main');

$node->safe_psql('postgres', <<'SQL');
CREATE ROLE keeper LOGIN;
CREATE ROLE application LOGIN;
CREATE ROLE analyst LOGIN;
CREATE ROLE auditor LOGIN;
CREATE ROLE stranger LOGIN;
CREATE ROLE shop_owner LOGIN;
CREATE ROLE clerk LOGIN;
CREATE ROLE mallory LOGIN;
CREATE EXTENSION community;
SELECT community.install_tables('keeper');
SELECT community.create_program('shop');
SELECT community.grant_application('application');
SELECT community.grant_application('shop_owner');
SELECT community.grant_analyst('analyst');
SELECT community.grant_auditor('auditor');

SELECT community.enroll(i, joined_at => '2024-01-01') FROM generate_series(1, 3) AS i;
SELECT community.enroll(external_id => 'ann');
SELECT community.record(1, 'post', 'k1', 100, '2024-06-01');
SELECT community.define_measure('spend', 'sum');
INSERT INTO community.ladder (program_id, name) VALUES (community.current_program(), 'club');
INSERT INTO community.tier (program_id, ladder_id, rank, name) SELECT program_id, ladder_id, 1, 'silver' FROM community.ladder;
SELECT community.publish_ladder('club', '-infinity');

CREATE SCHEMA shop AUTHORIZATION shop_owner;
SET SESSION AUTHORIZATION shop_owner;
GRANT USAGE ON SCHEMA shop TO clerk, mallory;
CREATE TABLE shop.orders (id int PRIMARY KEY, customer bigint, price numeric, quantity int);
GRANT INSERT ON shop.orders TO clerk, mallory;
CREATE FUNCTION shop.counts(price numeric) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
	RAISE NOTICE 'expression runs as %', current_user;
	RETURN price > 0;
END $$;
SQL

is( $node->safe_psql('postgres', q{SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class
		WHERE relnamespace = 'community'::regnamespace AND relkind IN ('r', 'p', 'v', 'S')}),
	'keeper', 'all tables belong to the role that they were given to');
is( $node->safe_psql('postgres', q{SELECT has_schema_privilege('keeper', 'community', 'CREATE')}),
	'f', 'who may not create in the schema');

# ---- the matrix: what each role gets for each call
my @roles = qw(stranger application analyst auditor keeper);
my $no = '42501';
my @matrix = (
	# call                                                            stranger appl. analyst auditor keeper
	[ q{SELECT community.record(1, 'post', 'new')},                        $no, 'ok', $no,  $no,  'ok' ],
	[ q{SELECT community.record(1, 'post', 'k1', 100, '2024-06-01')},      $no, 'ok', $no,  $no,  'ok' ],
	[ q{SELECT community.record(99, 'post', 'new')},                       $no, 'CM002', $no, $no, 'CM002' ],
	[ q{SELECT community.reverse('k1', 'spam')},                           $no, 'ok', $no,  $no,  'ok' ],
	[ q{SELECT community.enroll(50)},                                      $no, 'ok', $no,  $no,  'ok' ],
	[ q{SELECT community.enroll(external_id => 'bob')},                    $no, 'ok', $no,  $no,  'ok' ],
	[ q{SELECT community.member_id('ann')},                                $no, 'ok', 'ok', 'ok', 'ok' ],
	[ q{SELECT community.current_program()},                               $no, 'ok', 'ok', 'ok', 'ok' ],
	[ q{SELECT community.close_member(1, 'left')},                         $no, 'ok', $no,  $no,  'ok' ],
	[ q{SELECT community.attach('shop.orders', 'o', 'customer')},          $no, $no,  $no,  $no,  $no ],
	[ q{SELECT community.detach('shop.orders', 'o')},                      $no, $no,  $no,  $no,  $no ],
	[ q{CALL community.backfill('shop.orders', 'o')},                      $no, $no,  $no,  $no,  $no ],
	[ q{CALL community.process_inbox()},                                   $no, 'ok', $no,  $no,  'ok' ],
	[ q{SELECT community.next_id()},                                       $no, 'ok', $no,  $no,  'ok' ],
	[ q{SELECT community.rebuild('engagement')},                           $no, $no,  $no,  $no,  'ok' ],
	[ q{SELECT community.create_program('other')},                         $no, $no,  $no,  $no,  'ok' ],
	[ q{SELECT community.install_tables()},                                $no, $no,  $no,  $no,  $no ],
	[ q{SELECT community.grant_application('stranger')},                   $no, $no,  $no,  $no,  $no ],
	[ q{SELECT community.grant_auditor('stranger')},                       $no, $no,  $no,  $no,  $no ],
	[ q{SELECT * FROM community.super_users('2024-07-01')},                $no, $no,  'ok', 'ok', 'ok' ],
	[ q{SELECT * FROM community.check_installation('full')},               $no, $no,  $no,  'ok', 'ok' ],
	[ q{SELECT * FROM community.score},                                    $no, $no,  'ok', 'ok', 'ok' ],
	[ q{SELECT community.define_score_model('s', '[{"kind": "engagement", "cap": 1}]')}, $no, $no, $no, $no, 'ok' ],
	[ q{CALL community.refresh_scores('s')},                               $no, $no,  $no,  $no,  '42704' ],
	[ q{SELECT * FROM community.explain_score(1, 's')},                    $no, '42704', '42704', '42704', '42704' ],
	[ q{SELECT community.is_super_user(1, 's')},                           $no, '42704', '42704', '42704', '42704' ],
	[ q{SELECT * FROM community.compare_scores('s', '2024-01-01')},        $no, $no,  '42704', '42704', '42704' ],
	[ q{SELECT community.veto_super_user(1, 's', NULL, 'x', 'x')},         $no, '42704', $no, $no, '42704' ],
	[ q{SELECT * FROM community.super_user},                               $no, $no,  'ok', 'ok', 'ok' ],
	[ q{INSERT INTO community.inbox (member_id, type, key) VALUES (1, 'post', 'i')}, $no, 'ok', $no, $no, 'ok' ],
	[ q{SELECT * FROM community.inbox},                                    $no, $no,  $no,  'ok', 'ok' ],
	[ q{SELECT * FROM community.event},                                    $no, $no,  'ok', 'ok', 'ok' ],
	[ q{SELECT * FROM community.member},                                   $no, $no,  'ok', 'ok', 'ok' ],
	[ q{SELECT * FROM community.engagement},                               $no, $no,  'ok', 'ok', 'ok' ],
	[ q{SELECT * FROM community.job},                                      $no, $no,  'ok', 'ok', 'ok' ],
	[ q{SELECT * FROM community.attachment},                               $no, $no,  $no,  'ok', 'ok' ],
	[ q{SELECT * FROM community.installation},                             $no, $no,  $no,  'ok', 'ok' ],
	[ q{INSERT INTO community.member (program_id, member_id, joined_at) VALUES (1, 77, now())}, $no, $no, $no, $no, 'ok' ],
	[ q{UPDATE community.member SET status = status},                      $no, $no,  $no,  $no,  'ok' ],
	[ q{UPDATE community.event SET amount = 1},                            $no, $no,  $no,  $no,  'CM007' ],
	[ q{DELETE FROM community.event},                                      $no, $no,  $no,  $no,  'CM007' ],
	[ q{TRUNCATE community.event},                                         $no, $no,  $no,  $no,  'CM007' ],
	[ q{UPDATE community.engagement SET score = score},                    $no, $no,  $no,  $no,  'ok' ],
	[ q{SELECT nextval('community.id_sequence')},                          $no, $no,  $no,  $no,  'ok' ],
	[ q{SELECT community.define_measure('x', 'sum')},                      $no, $no,  $no,  $no,  'ok' ],
	[ q{SELECT community.measure_value(1, 'spend', '(,)')},                $no, $no,  'ok', 'ok', 'ok' ],
	[ q{SELECT * FROM community.check_ladder('club')},                     $no, $no,  'ok', 'ok', 'ok' ],
	[ q{SELECT * FROM community.publish_ladder('club')},                   $no, $no,  $no,  $no,  'ok' ],
	[ q{SELECT community.veto_tier(1, 'club', 'silver', reason => 'r', key => 'k')}, $no, 'ok', $no, $no, 'ok' ],
	[ q{SELECT community.end_ruling('k')},                                 $no, '42704', $no, $no, '42704' ],
	[ q{SELECT community.grant_tier(1, 'club', 'silver', reason => 'r', key => 'k')}, $no, 'ok', $no, $no, 'ok' ],
	[ q{SELECT community.revoke_tier('k')},                                $no, '42704', $no, $no, '42704' ],
	[ q{SELECT * FROM community.ladder_version, community.tenure, community.tier_ruling}, $no, $no, 'ok', 'ok', 'ok' ],
	[ q{UPDATE community.ladder_version SET definition = '{}'},            $no, $no,  $no,  $no,  'CM007' ],
	[ q{DELETE FROM community.ladder},                                     $no, $no,  $no,  $no,  'CM007' ],
	[ q{SELECT community.enroll(50, sponsor => 1)},                        $no, 'ok', $no,  $no,  'ok' ],
	[ q{SELECT community.reparent(1, NULL, 'r')},                          $no, 'ok', $no,  $no,  'ok' ],
	[ q{SELECT community.define_referrals(paid_levels => 2)},              $no, $no,  $no,  $no,  'ok' ],
	[ q{SELECT * FROM community.referral_check()},                         $no, $no,  $no,  'ok', 'ok' ],
	[ q{SELECT * FROM community.referral, community.referral_move},        $no, $no,  'ok', 'ok', 'ok' ],
	[ q{INSERT INTO community.referral (program_id, member_id, sponsor_id) VALUES (1, 1, 1)}, $no, $no, $no, $no, 'CM040' ],
	[ q{TRUNCATE community.referral},                                      $no, $no,  $no,  $no,  'CM007' ],
	[ q{CREATE TABLE community.mine (a int)},                              $no, $no,  $no,  $no,  $no ],
	[ q{CREATE FUNCTION community.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'}, $no, $no, $no, $no, $no ]);
foreach my $row (@matrix)
{
	my ($call, @expected) = @$row;
	foreach my $i (0 .. $#roles)
	{
		is(sqlstate_as($node, 'postgres', $roles[$i], "BEGIN; $call; ROLLBACK;"),
			$expected[$i], "$roles[$i]: " . substr($call, 0, 60));
	}
}
# every function there is, called by one who has not even USAGE, by any path
foreach my $signature (
	lines_of($node, 'postgres', q{
		SELECT format('%s(%s)', p.oid::regproc,
			(SELECT string_agg('NULL::' || format_type(t, NULL), ', ') FROM unnest(p.proargtypes) AS t))
		FROM pg_proc AS p WHERE p.pronamespace = 'community'::regnamespace AND p.prokind = 'f'
			AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
			AND NOT p.proargtypes::oid[] && ARRAY['internal'::regtype, 'cstring'::regtype]::oid[]}))
{
	is(sqlstate_as($node, 'postgres', 'stranger', "SELECT $signature"), $no, "stranger: $signature");
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM community.event'), '1', 'nothing of that is left');

# ---- a measure lends nobody the rights of another role
$node->safe_psql('postgres', <<'SQL');
CREATE SCHEMA counting;
GRANT USAGE ON SCHEMA counting TO PUBLIC;
CREATE FUNCTION counting.power(bigint, bigint, tstzrange) RETURNS numeric LANGUAGE sql STABLE
	AS 'SELECT rolsuper::int::numeric FROM pg_roles WHERE rolname = current_user';
GRANT EXECUTE ON FUNCTION community.define_measure TO mallory;
GRANT USAGE ON SCHEMA community TO mallory;
GRANT EXECUTE ON FUNCTION community.current_program TO mallory;
SQL
my $power = q{'power', 'function', function => 'counting.power'};
foreach my $role ('mallory', 'keeper', 'postgres')
{
	is(sqlstate_as($node, 'postgres', $role, "SELECT community.define_measure($power)"),
		$no, "a superuser's function is no measure of tables that are not a superuser's: $role");
}
is( sqlstate_as($node, 'postgres', 'keeper', q{
		INSERT INTO community.measure (program_id, name, kind, function, registered_by)
		VALUES (community.current_program(), 'power', 'function', 'counting.power', 'postgres')}),
	'ok', 'their owner writes what it likes into them');
foreach my $role ('keeper', 'analyst', 'postgres')
{
	is(sqlstate_as($node, 'postgres', $role, q{SELECT community.measure_value(1, 'power', '(,)')}),
		$no, "but gets no rights by that: $role");
}
$node->safe_psql('postgres', q{ALTER FUNCTION counting.power OWNER TO shop_owner});
is(sqlstate_as($node, 'postgres', 'analyst', q{SELECT community.measure_value(1, 'power', '(,)')}),
	$no, 'nor when it has another owner by now');
$node->safe_psql('postgres', q{UPDATE community.measure SET registered_by = 'shop_owner' WHERE name = 'power'});
is($node->safe_psql('postgres', q{SELECT community.measure_value(1, 'power', '(,)')}),
	'0', 'it runs as its owner, even for a superuser');
$node->safe_psql('postgres', q{DELETE FROM community.measure WHERE name = 'power'; REVOKE USAGE ON SCHEMA community FROM mallory;
	REVOKE ALL ON FUNCTION community.define_measure, community.current_program FROM mallory});

# ---- whoever may write an order fires the trigger, and needs no right here
is( sqlstate_as($node, 'postgres', 'shop_owner', q{
		SELECT community.attach('shop.orders', 'order', 'customer', 'price * quantity',
			condition => 'shop.counts(price)')}),
	'ok', 'the owner of a table attaches it');
my ($rc, $out, $err) = $node->psql('postgres', q{
	SET SESSION AUTHORIZATION clerk;
	INSERT INTO shop.orders VALUES (1, 1, 2.50, 4)}, on_error_stop => 1);
is($rc, 0, 'a clerk who may only insert orders does');
like($err, qr/expression runs as clerk/, 'the expressions run as the clerk');
unlike($err, qr/runs as (?!clerk)/, 'and as nobody else');
is( $node->safe_psql('postgres', q{SELECT member_id, amount, actor FROM community.event WHERE type = 'order'}),
	'1|1000|clerk', 'the order is recorded, with who did it');
is(sqlstate_as($node, 'postgres', 'clerk', 'SELECT * FROM shop.orders'), $no, 'the clerk still sees nothing');
is(sqlstate_as($node, 'postgres', 'clerk', q{SELECT community.record(1, 'post', 'x')}),
	$no, 'and may not call record()');
($rc, $out, $err) = $node->psql('postgres', q{
	SET SESSION AUTHORIZATION shop_owner;
	CALL community.backfill('shop.orders', 'order')}, on_error_stop => 1);
is($rc, 0, 'the owner of the table fills');
unlike($err, qr/runs as (?!shop_owner)/, 'expressions run as who calls backfill()');

# ---- a hostile search path, and hostile temporary objects
$node->safe_psql('postgres', 'CREATE SCHEMA evil AUTHORIZATION mallory; GRANT TEMPORARY ON DATABASE postgres TO mallory');
($rc, $out, $err) = $node->psql('postgres', <<'SQL', on_error_stop => 1);
SET SESSION AUTHORIZATION mallory;
CREATE FUNCTION evil.times(numeric, int) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN RAISE WARNING 'evil as %', current_user; RETURN 1000000; END $$;
CREATE FUNCTION evil.times(numeric, numeric) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN RAISE WARNING 'evil as %', current_user; RETURN 1000000; END $$;
CREATE FUNCTION evil.counts(numeric) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN RAISE WARNING 'evil as %', current_user; RETURN true; END $$;
CREATE FUNCTION evil.minor_units(numeric, int) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN RAISE WARNING 'evil as %', current_user; RETURN 1; END $$;
CREATE FUNCTION evil.same(bigint, bigint) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN RAISE WARNING 'evil as %', current_user; RETURN true; END $$;
CREATE FUNCTION evil.max(bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN RAISE WARNING 'evil as %', current_user; RETURN 1; END $$;
CREATE OPERATOR evil.* (LEFTARG = numeric, RIGHTARG = int, FUNCTION = evil.times);
CREATE OPERATOR evil.* (LEFTARG = numeric, RIGHTARG = numeric, FUNCTION = evil.times);
CREATE OPERATOR evil.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = evil.same);
CREATE TEMPORARY TABLE member (program_id bigint, member_id bigint, status text, external_id text);
CREATE TEMPORARY TABLE incoming (key text);
CREATE TEMPORARY TABLE community_new (id int, customer bigint, price numeric, quantity int);
INSERT INTO community_new VALUES (666, 3, 1000000, 1);
SET search_path = evil, pg_temp, pg_catalog;
INSERT INTO shop.orders VALUES (2, 1, 2.50, 6);
INSERT INTO shop.orders VALUES (3, 1, 1.25, 2), (4, 2, 1.25, 4);
SQL
is($rc, 0, 'mallory inserts orders too');
unlike($err, qr/evil as/, 'nothing of hers is run');
is( $node->safe_psql('postgres', q{SELECT key, member_id, amount FROM community.event WHERE type = 'order' ORDER BY key}),
	"1|1|1000\n2|1|1500\n3|1|250\n4|2|500", 'and what is recorded is what she ordered');

# the same for one who may call functions
$node->safe_psql('postgres', q{SELECT community.grant_application('mallory'); GRANT USAGE ON SCHEMA evil TO PUBLIC});
($rc, $out, $err) = $node->psql('postgres', <<'SQL', on_error_stop => 1);
SET SESSION AUTHORIZATION mallory;
CREATE TEMPORARY TABLE member (program_id bigint, member_id bigint, status text, external_id text);
CREATE TEMPORARY TABLE event (program_id bigint, key text);
SET search_path = evil, pg_temp, pg_catalog;
SELECT amount FROM community.record(2, 'post', 'm1', 5, '2024-06-01');
SELECT amount FROM community.record(2, 'post', 'm1', 5, '2024-06-01');
SELECT amount FROM community.reverse('m1', 'spam');
SELECT community.enroll(60, joined_at => '2024-01-01');
INSERT INTO community.inbox (member_id, type, key) VALUES (2, 'post', 'm2');
CALL community.process_inbox();
SQL
is($rc, 0, 'mallory calls the functions');
unlike($err, qr/evil as/, 'nothing of hers is run by them');
is($node->safe_psql('postgres', "SELECT community.rebuild('engagement')"),
	'0', 'scores are those of the events');

# ---- triggers that attach() did not make
$node->safe_psql('postgres', 'CREATE TABLE evil.bait (id int, customer bigint); ALTER TABLE evil.bait OWNER TO mallory');
my ($attachment) = lines_of($node, 'postgres', q{SELECT attachment_id FROM community.attachment WHERE type = 'order'});
$node->safe_psql('postgres', qq{
	SET SESSION AUTHORIZATION mallory;
	CREATE TRIGGER bait AFTER INSERT ON evil.bait REFERENCING NEW TABLE AS community_new
		FOR EACH STATEMENT EXECUTE FUNCTION community.attached('1', '$attachment')});
is(sqlstate_as($node, 'postgres', 'mallory', 'INSERT INTO evil.bait VALUES (1, 1)'),
	'39P01', 'a trigger on another table records nothing');

# ---- squatting: the schema was there before us
my %squat = (
	'belongs to mallory' => 'CREATE SCHEMA community AUTHORIZATION mallory',
	'is open to mallory' => 'CREATE SCHEMA community; GRANT CREATE ON SCHEMA community TO mallory',
	'is open to all' => 'CREATE SCHEMA community; GRANT ALL ON SCHEMA community TO PUBLIC',
	'holds a function of mallory' => q{CREATE SCHEMA community; GRANT CREATE ON SCHEMA community TO mallory;
		SET ROLE mallory; CREATE FUNCTION community.record(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
		RESET ROLE; REVOKE CREATE ON SCHEMA community FROM mallory},
	'holds an operator of mallory' => q{CREATE SCHEMA community; GRANT ALL ON SCHEMA community TO mallory;
		SET ROLE mallory; CREATE OPERATOR community.= (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq);
		RESET ROLE; REVOKE CREATE ON SCHEMA community FROM mallory});
foreach my $how (sort keys %squat)
{
	$node->safe_psql('postgres', 'DROP DATABASE IF EXISTS squat');
	$node->safe_psql('postgres', 'CREATE DATABASE squat');
	$node->safe_psql('squat', $squat{$how});
	($rc, $out, $err) = $node->psql('squat', '\set VERBOSITY verbose
		CREATE EXTENSION community', on_error_stop => 1);
	like($err, qr/ERROR:  42P06: schema "community" exists and .*(mallory|role (PUBLIC|-) may)/,
		"no extension where the schema $how");
}
$node->safe_psql('postgres', 'DROP DATABASE squat');
$node->safe_psql('postgres', 'CREATE DATABASE squat');
is(sqlstate($node, 'squat', 'CREATE SCHEMA community; GRANT USAGE ON SCHEMA community TO mallory; CREATE EXTENSION community'),
	'ok', 'an empty, closed schema of our own is welcome');
is(sqlstate_as($node, 'template1', 'mallory', 'CREATE EXTENSION community'), $no,
	'an ordinary role cannot install');

$node->stop;
done_testing();
