"""A Ray cluster on this machine: a head without cores, and two nodes of one core each, as processes.

python tests/support/ray_nodes.py prints the address. Each line of its input is the id of a node, which is killed, and
another takes its place; the cluster ends with the input.
"""

from __future__ import annotations

import os
import sys

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"


def main() -> None:
    from ray.cluster_utils import Cluster

    own = {"include_dashboard": False, "object_store_memory": 80_000_000}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **own})
    nodes = [cluster.add_node(num_cpus=1, **own) for _ in range(2)]
    try:
        print(cluster.address, flush=True)
        for line in sys.stdin:
            lost = next(node for node in nodes if node.node_id == line.strip())
            cluster.remove_node(lost, allow_graceful=False)
            nodes.remove(lost)
            nodes.append(cluster.add_node(num_cpus=1, **own))
            print("lost", flush=True)
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main()
