#!/bin/bash
# test/bench/graph.sh: what measures of a graph cost.  Read by run.sh.

# The peer has to be given the edges: what the server spends on that, and what the
# peer does itself, are one.  It is told ids that it can take for places.
graph_peer() {
	local read rank core score greatest export
	run_set graph.export "$GRAPH" "COPY graph_edge TO STDOUT (DELIMITER ' ')"
	export=$(tail -n 1 "$tmp/graph.export.cpu")
	read -r read rank core score greatest < <(/usr/bin/python3 ./graph_peer.py "$tmp/psql.out")
	note graph.igraph_rank cpu "$(awk -v e="$export" -v r="$read" -v w="$rank" -v n="$GRAPH" \
		'BEGIN { print e + (r + w) * 1e6 / n }')"
	note graph.igraph_core cpu "$(awk -v e="$export" -v r="$read" -v w="$core" -v n="$GRAPH" \
		'BEGIN { print e + (r + w) * 1e6 / n }')"
	# to the peer, all places up to the greatest are nodes
	expect "the greatest score" "$(sql "SELECT abs(max(score) / $score - 1) < 1e-9
		FROM community.pagerank('TABLE graph_edge UNION ALL SELECT i, NULL FROM generate_series(0,
			(SELECT max(greatest(source, target)) FROM graph_edge)) AS i')")" t
	expect "the greatest core number" "$(sql "SELECT max(core)
		FROM community.core_numbers('TABLE graph_edge')")" "$greatest"
	rm -f "$tmp/psql.out"
}

graph() {
	local round side peer=false
	# enough for a run, small beside the table; what it is matters little
	local -x PGOPTIONS="$PGOPTIONS -c maintenance_work_mem=2GB -c max_parallel_workers_per_gather=0"
	! /usr/bin/python3 -c 'import igraph' 2>/dev/null || peer=true
	progress "graph, $GRAPH edges"
	sql "SELECT make_edges($GRAPH)" 'VACUUM ANALYZE graph_edge' CHECKPOINT >/dev/null
	for ((round = 1; round <= ROUNDS; round++)); do
		progress "graph, round $round of $ROUNDS"
		for side in $(turns "$round" scan read rank core); do
			case $side in
				scan) run_set graph.scan "$GRAPH" 'SELECT count(*) FROM graph_edge' ;;
				read) run_set graph.read "$GRAPH" 'SELECT count(*), sum(source), sum(target) FROM graph_edge' ;;
				rank) run_set graph.rank "$GRAPH" "SELECT count(*), sum(score) FROM community.pagerank('TABLE graph_edge')" ;;
				core) run_set graph.core "$GRAPH" "SELECT count(*), sum(core) FROM community.core_numbers('TABLE graph_edge')" ;;
			esac
		done
		[ "$peer" = false ] || graph_peer
	done
	section "A graph of $GRAPH edges and about $((GRAPH / 10)) nodes; all that counts reads the table too"
	compare 'pagerank() to 1e-12 / count and sums of the two columns' graph.rank graph.read cpu '<=' 3
	compare 'core_numbers() / count and sums of the two columns' graph.core graph.read cpu '<=' 3
	compare 'pagerank() / count of the rows' graph.rank graph.scan
	compare 'core_numbers() / count of the rows' graph.core graph.scan
	if [ "$peer" = true ]; then
		echo ' pagerank() / COPY of the table, igraph: build and PageRank'
		figure cpu 'CPU, us an edge' graph.rank graph.igraph_rank '<=' 0.25
		echo ' core_numbers() / COPY of the table, igraph: build, simple graph and coreness'
		figure cpu 'CPU, us an edge' graph.core graph.igraph_core '<=' 0.25
	else
		echo ' igraph is not there: install python3-igraph for the comparison'
	fi
}
