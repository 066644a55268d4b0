# Each right of each role on each function, table and view.  Were this broken,
# somebody could read or change what is not his, a new function could be open to
# everybody unnoticed, or one program could see, change or be told of another.
#
# The rights are those of test/privileges.txt: one line an object, then owner,
# application, analyst, auditor and PUBLIC.  A function that is added gets its
# line there, after some thought: this test fails until it has one.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin, "$FindBin::RealBin/../blast";
use Blast;
use Community;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main');
my @role = qw(keeper application analyst auditor);
$node->safe_psql('postgres', "CREATE ROLE $_ LOGIN") foreach @role, 'stranger', 'tenant_role';
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION community;
SELECT community.install_tables('keeper');
SELECT community.create_program('shop');
SELECT community.grant_application('application');
SELECT community.grant_analyst('analyst');
SELECT community.grant_auditor('auditor');
SQL

# ---- the matrix
my @line = lines_of($node, 'postgres', q{
	WITH role (n, name) AS (VALUES (1, 'keeper'), (2, 'application'), (3, 'analyst'), (4, 'auditor'), (5, 'public')),
	cell (object, n, may) AS (
		SELECT CASE p.prokind WHEN 'p' THEN 'procedure ' WHEN 'a' THEN 'aggregate ' ELSE 'function ' END || p.oid::regprocedure,
			r.n, CASE WHEN has_function_privilege(r.name, p.oid, 'EXECUTE') THEN 'x' ELSE '-' END
		FROM pg_proc AS p, role AS r WHERE p.pronamespace = 'community'::regnamespace
		UNION ALL
		SELECT CASE c.relkind WHEN 'v' THEN 'view ' ELSE 'table ' END || c.oid::regclass, r.n,
			coalesce((SELECT string_agg(t.letter, '' ORDER BY t.i) FROM (VALUES (1, 'r', 'SELECT'), (2, 'a', 'INSERT'),
				(3, 'w', 'UPDATE'), (4, 'd', 'DELETE'), (5, 'D', 'TRUNCATE'), (6, 'x', 'REFERENCES'), (7, 't', 'TRIGGER')) AS t (i, letter, name)
				WHERE has_table_privilege(r.name, c.oid, t.name)
					OR t.i IN (1, 2, 3, 6) AND has_any_column_privilege(r.name, c.oid, t.name)), '-')
		FROM pg_class AS c, role AS r WHERE c.relnamespace = 'community'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
		UNION ALL
		SELECT 'sequence ' || c.oid::regclass, r.n,
			coalesce((SELECT string_agg(t.letter, '' ORDER BY t.i) FROM (VALUES (1, 'r', 'SELECT'), (2, 'w', 'UPDATE'), (3, 'U', 'USAGE')) AS t (i, letter, name)
				WHERE has_sequence_privilege(r.name, c.oid, t.name)), '-')
		FROM pg_class AS c, role AS r WHERE c.relnamespace = 'community'::regnamespace AND c.relkind = 'S'
		UNION ALL
		SELECT 'schema community', r.n, CASE WHEN has_schema_privilege(r.name, 'community', 'USAGE') THEN 'U' ELSE '' END
			|| CASE WHEN has_schema_privilege(r.name, 'community', 'CREATE') THEN 'C' ELSE '' END
		FROM role AS r)
	SELECT replace(object, 'timestamp with time zone', 'timestamptz') || E'\t' || string_agg(coalesce(nullif(may, ''), '-'), ' ' ORDER BY n)
	FROM cell GROUP BY object ORDER BY object COLLATE "C"});
my $file = "$FindBin::RealBin/../privileges.txt";
my @expected = grep { !/^#/ } split /\n/, slurp_file($file);
my %expected = map { split /\t/ } @expected;
append_to_file("$ENV{COMMUNITY_OUT}/privileges.txt", join("\n", @line) . "\n") if $ENV{COMMUNITY_OUT};
my %seen;
foreach (@line)
{
	my ($object, $cells) = split /\t/;
	$seen{$object} = $cells;
	is($cells, $expected{$object} // 'no line', "rights on $object");
}
is_deeply([ grep { !exists $seen{$_} } sort keys %expected ], [], 'each line is about something');

# ---- what no edit of that file may allow
my %public_writer = map { $_ => 1 } ('function community.attached()', 'function community.guard_append_only()',
	'function community.on_table_changed()', 'function community.on_table_dropped()');
my %writes = map { $_ => 1 } lines_of($node, 'postgres', q{
	SELECT replace(CASE p.prokind WHEN 'p' THEN 'procedure ' ELSE 'function ' END || p.oid::regprocedure, 'timestamp with time zone', 'timestamptz')
	FROM pg_proc AS p WHERE p.pronamespace = 'community'::regnamespace AND p.provolatile = 'v'});
foreach my $object (sort keys %seen)
{
	my ($owner, $application, $analyst, $auditor, $public) = split / /, $seen{$object};
	fail("an analyst, auditor or PUBLIC may execute $object")
	  if $writes{$object} && !$public_writer{$object} && "$analyst$auditor$public" =~ /x/;
	next if $object !~ /^(table|view|sequence|schema)/;
	fail("PUBLIC may do something with $object") if $public ne '-';
	fail("an analyst or auditor may change $object") if "$analyst$auditor" =~ /[awdDxtC]/;
	fail("an application may do more than load the inbox with $object")
	  if $object =~ /^(table|view)/ && $application ne ($object eq 'table community.inbox' ? 'a' : '-');
}

# ---- the same by calling: every function, by every role, with nulls alone
my $call_all = q{
	SELECT replace(CASE p.prokind WHEN 'p' THEN 'procedure ' ELSE 'function ' END || p.oid::regprocedure, 'timestamp with time zone', 'timestamptz'),
		format('%s %s(%s)', CASE p.prokind WHEN 'p' THEN 'CALL' ELSE 'SELECT' END, p.oid::regproc,
			-- a null in a query, as a plain one is not even handed to a strict function
			(SELECT string_agg(format(CASE p.prokind WHEN 'p' THEN 'NULL::%s' ELSE '(SELECT NULL::%s)' END, format_type(t, NULL)), ', ' ORDER BY o) FROM unnest(p.proargtypes) WITH ORDINALITY AS a (t, o)))
	FROM pg_proc AS p WHERE p.pronamespace = 'community'::regnamespace AND p.prokind IN ('f', 'p')
		AND NOT p.proargtypes::oid[] && ARRAY['internal'::regtype, 'cstring'::regtype]::oid[] ORDER BY 1};
my @call = map { [ split /\|/, $_, 2 ] } lines_of($node, 'postgres', $call_all);
my $user = getpwuid $<;
foreach my $i (0 .. 4)
{
	my $role = (@role, 'stranger')[$i];
	my $wire = Wire->new($node->host, $node->port, $user, 'postgres');
	$wire->query("SET SESSION AUTHORIZATION $role");
	my (@open, @closed);
	foreach (@call)
	{
		my ($object, $sql) = @$_;
		my $answer = $wire->query("BEGIN; $sql; ROLLBACK");
		$wire->query('ROLLBACK') if $answer->{code} ne 'ok';
		die "$role has lost its server: $sql" if $wire->{lost};
		push @open, "$sql: $answer->{code} $answer->{message}"
		  if $answer->{code} =~ /^XX/
		  || $answer->{code} ne '42501' && ($role eq 'stranger' || (split / /, $seen{$object})[$i] eq '-');
		push @closed, "$sql: $answer->{message}"
		  if $role ne 'stranger' && (split / /, $seen{$object})[$i] eq 'x' && $answer->{message} =~ /^permission denied for (function|procedure|schema)/;
	}
	is_deeply(\@open, [], "$role: what it may not call is refused, and nothing breaks");
	is_deeply(\@closed, [], "$role: what it may call can be called");
}

# ---- programs under policies: the tables are closed to whoever is not of the program,
# their owner included, so functions that act as the owner are confined too
$node->safe_psql('postgres', 'CREATE DATABASE tenants');
$node->safe_psql('tenants', q{CREATE EXTENSION community; SELECT community.install_tables('keeper')});
run_log([ 'psql', '-Xq', '-d', $node->connstr('tenants'), '-o', '/dev/null', '-f',
		"$FindBin::RealBin/../blast/populate.sql" ]) or die 'cannot populate';
$node->safe_psql('tenants', <<'SQL');
CREATE TABLE public.tenant (role name, program_id bigint);
INSERT INTO public.tenant SELECT 'tenant_role', program_id FROM community.program WHERE name = 'shop';
GRANT SELECT ON public.tenant TO PUBLIC;
SELECT community.grant_application('tenant_role'), community.grant_analyst('tenant_role');
DO $$
DECLARE
	c regclass;
BEGIN
	FOR c IN SELECT oid FROM pg_class WHERE relnamespace = 'community'::regnamespace AND relkind IN ('r', 'p') LOOP
		CONTINUE WHEN c = 'community.installation'::regclass;
		EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', c);
		EXECUTE format('CREATE POLICY own_program ON %s USING (program_id IN (SELECT t.program_id FROM public.tenant AS t WHERE t.role = session_user))', c);
	END LOOP;
END $$;
SQL
my ($shop) = lines_of($node, 'tenants', q{SELECT program_id FROM community.program WHERE name = 'shop'});
my ($forum) = lines_of($node, 'tenants', q{SELECT program_id FROM community.program WHERE name = 'forum'});
is(sqlstate_as($node, 'tenants', 'tenant_role', qq{SELECT community.record(1, 'order', 'own', 100, program => $shop)}),
	'ok', 'a tenant writes in its program');
isnt(sqlstate_as($node, 'tenants', 'tenant_role', qq{SELECT community.record(1001, 'post', 'other', program => $forum)}),
	'ok', 'and not in another');
is($node->safe_psql('tenants', qq{SET SESSION AUTHORIZATION tenant_role;
	SELECT count(*) > 0 FROM community.event; SELECT count(*) FROM community.event WHERE program_id <> $shop}), "t\n0", 'it reads its own rows alone');
foreach my $relation (lines_of($node, 'tenants', q{SELECT c.oid::regclass FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
	WHERE c.relnamespace = 'community'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND a.attname = 'program_id'
		AND has_table_privilege('tenant_role', c.oid, 'SELECT') ORDER BY 1}))
{
	is($node->safe_psql('tenants', qq{SET SESSION AUTHORIZATION tenant_role;
		SET community.program = '$shop'; SELECT count(*) FROM $relation WHERE program_id <> $shop}), '0', "nothing of others in $relation");
}

# entries are read without SQL where nothing stands in the way: of a member without
# holds, from the second time in a session on
$node->safe_psql('tenants', qq{SET SESSION AUTHORIZATION tenant_role;
	SELECT community.enroll(77001, program => $shop), community.accrue(77001, 77, 'seen', program => $shop)});
my $balance = 'SET SESSION AUTHORIZATION tenant_role;' . " SELECT available FROM community.balance(77001, program => $shop);" x 2;
is($node->safe_psql('tenants', $balance), "77\n77", 'an entry counts in a balance');
$node->safe_psql('tenants', q{CREATE POLICY unseen ON community.entry AS RESTRICTIVE USING (key <> 'seen')});
is($node->safe_psql('tenants', $balance), "0\n0", 'an entry that a policy hides does not count in a balance');
$node->safe_psql('tenants', q{DROP POLICY unseen ON community.entry});

my $before = tables_of($node, 'tenants');
my $blast = Blast->new(folder => $node->host, port => $node->port, user => $user, database => 'tenants', seed => 12);
$blast->confine('tenant_role', $forum);
$blast->call foreach 1 .. 1500;
is_deeply([ map { "$_->{class}, $_->{name}: $_->{said}\n$_->{sql}" } @{ $blast->{finding} } ], [],
	'no call about another program tells anything of it, or breaks');
my $after = tables_of($node, 'tenants');
foreach my $table (sort keys %$before)
{
	my @was = grep { /^\($forum,/ } split /\n/, $before->{$table};
	my @is = grep { /^\($forum,/ } split /\n/, $after->{$table};
	is_deeply(\@is, \@was, "no call about another program changes its rows of $table") if @was || @is;
}

$node->stop;
done_testing();
