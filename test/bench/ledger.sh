#!/bin/bash
# test/bench/ledger.sh: the sections of run.sh that measure the ledger.
#
# Credits, debits and balances beside a bare insert into a table like entry,
# a transfer between two accounts in PL/pgSQL, and a probe of a primary key.

# start_ledger MEMBERS: as many members, with points that are folded
start_ledger() {
	sql "SELECT start_ledger($1)" >/dev/null
	settle_ledger
	sql CHECKPOINT
	entries=$1 twins=0 transfers=0
}

settle_ledger() {
	sql 'VACUUM (ANALYZE) community.entry, community.account_fold, community.member,
		entry_twin, bank_account, bank_transfer, bank_entry'
}

# What was asked for is in the books, once, and the accounts agree with them.
check_ledger() {
	expect "entries of $1" "$(sql 'SELECT count(*) FROM community.entry')" "$entries"
	expect "rows of $1" "$(sql 'SELECT count(*) FROM entry_twin')" "$twins"
	expect "transfers of $1" "$(sql 'SELECT count(*) FROM bank_transfer')" "$transfers"
	expect "accounts of $1" "$(sql 'SELECT accounts_agree()')" t
}

# post NAME CLIENTS SECONDS MEMBERS SIDE: credits, debits or transfers
post() {
	run_clients "$1.$5" "$2" "$3" "ledger_$5" -D "members=$4" -D "currency=$currency"
	case $5 in
		twin) twins=$((twins + rows)) ;;
		transfer) transfers=$((transfers + rows)) ;;
		accrue | redeem) entries=$((entries + rows)) ;;
	esac
}

# posts NAME ROUND CLIENTS SIDE...
posts() {
	local name=$1 round=$2 clients=$3 side
	shift 3
	for side in $(turns "$round" "$@"); do
		post "$name" "$clients" "$SECS" "$MEMBERS" "$side"
		settle_ledger
	done
}

compare_posts() {
	compare 'accrue() / bare INSERT into a table with the columns and indexes of entry' \
		"$1.accrue" "$1.twin" cpu '<=' 1.5
	compare 'accrue() / a transfer between two accounts in PL/pgSQL' \
		"$1.accrue" "$1.transfer" cpu '<=' 0.1667
	compare 'redeem() / the same transfer' "$1.redeem" "$1.transfer" cpu '<=' 0.3333
}

ledger() {
	local round clients wait before=$PGOPTIONS
	start_ledger "$MEMBERS"
	posts warm 0 1 twin accrue redeem transfer
	for ((round = 1; round <= ROUNDS; round++)); do
		progress "ledger, round $round of $ROUNDS"
		for wait in off on; do
			for clients in 1 2 8; do
				PGOPTIONS="$before -c synchronous_commit=$wait"
				posts "ledger.$wait.$clients" "$round" "$clients" \
					twin accrue redeem transfer
			done
		done
		PGOPTIONS=$before
		check_ledger ledger
	done
	for wait in off on; do
		for clients in 1 2 8; do
			section "One entry a transaction, $clients client(s), members uniform over $MEMBERS, synchronous_commit $wait"
			compare_posts "ledger.$wait.$clients"
		done
	done
}

# Credits to one popular member, and to all; beside a snapshot held open too.
crowd() {
	local round side
	start_ledger "$MEMBERS"
	posts warm 0 8 accrue transfer
	for ((round = 1; round <= ROUNDS; round++)); do
		progress "crowd, round $round of $ROUNDS"
		for side in $(turns "$round" spread one held); do
			case $side in
				spread) post crowd.spread 8 "$SECS" "$MEMBERS" accrue ;;
				one) post crowd.one 8 "$SECS" 1 accrue ;;
				held)
					begin_hold
					post crowd.held 8 "$CROWD" 1 accrue
					end_hold ;;
			esac
			settle_ledger
		done
		post crowd 8 "$SECS" 1 transfer
		settle_ledger
		check_ledger crowd
	done
	section "Credits by 8 clients, to one member or to $MEMBERS"
	compare 'accrue() for one member / for all' crowd.one.accrue crowd.spread.accrue rate '>=' 0.9
	compare "accrue() for one member beside a snapshot held for $CROWD s / for all" \
		crowd.held.accrue crowd.spread.accrue rate '>=' 0.9
	compare 'accrue() for one member / transfers from one account in PL/pgSQL' \
		crowd.one.accrue crowd.transfer
}

balance() {
	local round side
	start_ledger "$MEMBERS"
	for ((round = 1; round <= ROUNDS; round++)); do
		progress "balance, round $round of $ROUNDS"
		for side in $(turns "$round" balance probe); do
			post balance 1 "$SECS" "$MEMBERS" "$side"
		done
	done
	section "The balance of one of $MEMBERS members, folded"
	compare "balance() / SELECT of the account's row by its primary key" \
		balance.balance balance.probe cpu '<=' 1.3
}
