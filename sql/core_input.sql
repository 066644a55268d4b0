-- If this failed, bad input that once brought down the server or ended in an
-- internal error would do so again.  test/blast looks for such; what it finds is
-- kept here.
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT community.create_program('core input') > 0 AS created;
SET community.program = 'core input';
CREATE TABLE input_orders (id bigint PRIMARY KEY, customer bigint);

-- all columns are no expression
SELECT community.attach('input_orders', 'x', '*');
SELECT community.attach('input_orders', 'x', 'input_orders.*');
SELECT community.attach('input_orders', 'x', 'customer', condition => '*');
SELECT community.attach('input_orders', 'x', 'customer', amount => '(input_orders).*');

-- a role that does not exist has no name that could be put into a statement
SELECT community.grant_application(0::regrole);
SELECT community.grant_analyst(0::regrole);
SELECT community.grant_auditor(4294967295::regrole);
SELECT community.install_tables(0::regrole);

DROP TABLE input_orders;

-- whoever owns a table may put our triggers on it, whatever its columns are
CREATE SCHEMA input;
CREATE TABLE input.benefit (program_id text, benefit_id bool, payload jsonb);
INSERT INTO input.benefit VALUES ('x', true, NULL);
DO $$
DECLARE
	guard text;
BEGIN
	FOREACH guard IN ARRAY ARRAY['awards', 'benefits', 'commissions', 'fraud_rules', 'ladders', 'paid_levels', 'referrals', 'rules'] LOOP
		EXECUTE format('CREATE TRIGGER wrong AFTER UPDATE ON input.benefit FOR EACH ROW EXECUTE FUNCTION community.guard_%s()', guard);
		BEGIN
			UPDATE input.benefit SET payload = '{}';
			RAISE 'no trigger was refused';
		EXCEPTION WHEN trigger_protocol_violated THEN
			RAISE INFO '%', sqlerrm;
		END;
		DROP TRIGGER wrong ON input.benefit;
	END LOOP;
END $$;
CREATE TRIGGER wrong AFTER UPDATE ON community.benefit FOR EACH STATEMENT EXECUTE FUNCTION community.guard_benefits();
UPDATE community.benefit SET payload = payload;
DROP TRIGGER wrong ON community.benefit;
SET client_min_messages = warning;
DROP SCHEMA input CASCADE;
