# community: see README.md.
#
#   make demo          plays a community's story on a private server
#   make test          builds, checks the source and runs every test
#   make test PG=17    the same on another major (17, 18: fetched once)
#   make test-long     the bank under load, for minutes and with a dying server
#   make mutants       takes out what we rely on, and shows which test notices
#   make test-long     the bank under load, for minutes and with a dying server;
#                      a million calls with bad input
#   make fuzz          libFuzzer over all that reads what clients send
#   make sanitize      the tests on servers that check themselves
#   make coverage      the lines and branches that the tests reach
#   make bench         measures on a private server
#   make lint          the source and catalogue checks alone
#   make format        lays out the C files
#
#   make && make install      the ordinary way, with your own server's
#   make installcheck         pg_config; then its tests on that server

EXTENSION = community
EXTVERSION = $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" community.control)
MODULE_big = community

# The rooms, in the order in which the install script is assembled.
ROOMS = core period activity points score tier referral

SRCS = $(sort $(wildcard $(patsubst %,src/%/*.c,$(ROOMS)))) $(EXTRA_SRCS)
OBJS = $(SRCS:.c=.o)
DEPS = $(OBJS:.o=.d)
PG_CPPFLAGS = -I$(srcdir)/src -DCOMMUNITY_VERSION='"$(EXTVERSION)"'

SQL_PARTS = src/core/prelude.sql \
	$(patsubst %,src/%/functions.sql,$(ROOMS)) \
	src/tier/progress.sql \
	src/points/ledger.sql src/points/rules.sql src/points/envelope.sql \
	src/tier/benefits.sql src/tier/awards.sql \
	src/score/engagement.sql \
	src/score/ltv.sql \
	src/score/model.sql \
	src/score/concentration.sql \
	src/score/esteem.sql \
	src/score/graph.sql \
	src/score/lift.sql src/score/holdout.sql \
	src/tier/ladder.sql src/tier/what_if.sql src/tier/ruling.sql \
	src/tier/seats.sql src/tier/payment.sql \
	src/referral/forest.sql \
	src/referral/reading.sql \
	src/referral/pass.sql \
	src/referral/label.sql \
	src/referral/metrics.sql \
	src/referral/commission.sql \
	src/referral/invite.sql \
	src/referral/sanctions.sql \
	src/referral/fraud.sql \
	src/referral/group.sql \
	src/core/ids.sql src/core/install_head.sql \
	$(patsubst %,src/%/tables.sql,$(ROOMS)) \
	src/tier/ladder_tables.sql src/tier/seats_tables.sql \
	src/tier/benefit_tables.sql src/tier/award_tables.sql \
	src/referral/commission_tables.sql \
	src/referral/invite_tables.sql \
	src/referral/fraud_tables.sql \
	src/referral/group_tables.sql \
	src/score/ltv_tables.sql \
	src/score/graph_tables.sql \
	src/score/holdout_tables.sql \
	src/score/model_tables.sql \
	src/core/install_tail.sql \
	src/core/check_head.sql \
	$(wildcard $(patsubst %,src/%/check.sql,$(ROOMS))) \
	src/tier/seats_check.sql src/tier/benefit_check.sql \
	src/score/model_check.sql \
	src/referral/commission_check.sql \
	src/referral/group_check.sql \
	src/referral/invite_check.sql \
	src/referral/label_check.sql \
	src/core/check_tail.sql src/core/grants.sql

DATA = $(wildcard upgrade/$(EXTENSION)--*--*.sql)
DATA_built = $(EXTENSION)--$(EXTVERSION).sql

# Tests, for `make installcheck`; script/suites runs them for `make test`.
REGRESS = $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
REGRESS_OPTS = --load-extension=$(EXTENSION)
ISOLATION = $(patsubst test/isolation/specs/%.spec,%,$(sort $(wildcard test/isolation/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test/isolation --outputdir=test/isolation \
	--load-extension=$(EXTENSION)
PROVE_TESTS = $(sort $(wildcard test/t/*.pl))
ifneq ($(PROVE_TESTS),)
TAP_TESTS = 1
endif

# Reference data that some tests read, where it lies beside the checkout.
ifneq ($(wildcard ../shared),)
export COMMUNITY_SHARED ?= $(abspath ../shared)
endif

EXTRA_CLEAN = $(DEPS) $(EXTENSION)--*.sql \
	test/isolation/results test/isolation/output_iso \
	test/isolation/regression.diffs test/isolation/regression.out

# Our own lanes refuse warnings; a newer compiler's opinion never stops a user.
ifeq ($(WERROR),1)
PG_CFLAGS += -Wall -Wextra -Werror -Wvla -Wdeclaration-after-statement \
	-Wno-unused-parameter -Wno-missing-field-initializers -Wno-sign-compare
endif

.DEFAULT_GOAL := all

# The lanes look for a server themselves, so they work before there is one.
.PHONY: demo test test-long mutants fuzz sanitize coverage bench lint format
demo test test-long mutants coverage bench lint format:
	@script/$@ $(if $(PG),--pg $(PG))
fuzz sanitize:
	@script/$@

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)

ifneq ($(wildcard $(PGXS)),)

# The compiler notes each object's headers beside it; the server's own way of
# doing that, off in most packages, would note them elsewhere.
override autodepend =
include $(PGXS)
$(OBJS): override CPPFLAGS += -MMD -MP
# Packages of 18 and later name a flag that older compilers do not know.
override CFLAGS := $(filter-out -Wmissing-variable-declarations,$(CFLAGS))

$(OBJS): Makefile
-include $(DEPS)

$(EXTENSION)--$(EXTVERSION).sql: $(SQL_PARTS) community.control Makefile
	cat $(SQL_PARTS) > $@.new && mv $@.new $@

else

.PHONY: all install uninstall installcheck clean
all install uninstall installcheck clean:
	@echo "$(PG_CONFIG) with the server's headers is missing; on Debian:" >&2
	@echo "  apt-get install gcc make postgresql-15 postgresql-server-dev-15" >&2
	@exit 1

endif
