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
