"""What a cluster is made of, as settings and laws: compute times, faults, links, topologies."""
