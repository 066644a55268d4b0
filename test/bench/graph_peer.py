#!/usr/bin/python3
"""graph_peer.py FILE: PageRank and core numbers of a file of edges by igraph.

Prints the processor time, in seconds, to start and read the file, of PageRank and of
core numbers, then the greatest score and the greatest core number."""
import os
import sys

import igraph


def cpu():
    t = os.times()
    return t.user + t.system


graph = igraph.Graph.Read_Edgelist(sys.argv[1], directed=True)
read = cpu()
score = max(graph.pagerank(damping=0.85))
ranked = cpu()
core = max(graph.as_undirected(mode='collapse').simplify().coreness())
print('%.2f %.2f %.2f %.15f %d' % (read, ranked - read, cpu() - ranked, score, core))
