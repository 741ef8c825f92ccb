"""Random clusters, their messages, and when SimGrid has each arrive: what `sharing: fair` is tested against.

It runs where SimGrid's Python bindings are, as of Debian's python3-simgrid, and imports nothing of gossim:

    /usr/bin/python3 benchmarks/simgrid_flows.py tests/unit/sim/simgrid_flows.json

SimGrid's model is CM02, whose flows share links max-min fairly, without its corrections for TCP. A connection, of a
sender and a receiver, is an actor that sends one message after the other.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

CLUSTERS = 50
OPTIONS = (
    "network/model:CM02",
    "network/TCP-gamma:0",
    "network/bandwidth-factor:1.0",
    "network/latency-factor:1.0",
    "network/weight-S:0.0",
    "network/crosstraffic:0",
    "network/loopback-bw:1e18",
    "maxmin/precision:1e-12",
    "surf/precision:1e-12",
)


def cluster(number: int) -> dict[str, Any]:
    """Draw a cluster. Every other one has regions, with a rate for each pair and an uplink for each region.

    Returns:
        `bandwidth`, as a scenario has it, and `flows`: sender, receiver, bytes and the second at which each is sent.
    """
    draw = random.Random(number)
    workers = draw.randint(4, 10)
    bandwidth: dict[str, Any] = {way: [draw.uniform(1e5, 1e7) for _ in range(workers)] for way in ("up", "down")}
    if number % 2:
        order = draw.sample(range(workers), workers)
        cut = draw.randint(1, workers - 1)
        bandwidth |= {
            "regions": [sorted(order[:cut]), sorted(order[cut:])],
            "within": draw.uniform(1e6, 1e7),
            "between": draw.uniform(2e5, 5e6),
            "uplink": [draw.uniform(5e5, 1e7) for _ in range(2)],
        }
    flows = []
    for _ in range(draw.randint(10, 50)):
        sender, receiver = draw.sample(range(workers), 2)
        flows.append([sender, receiver, float(draw.randint(10_000, 2_000_000)), draw.uniform(0, 2)])
    return {"bandwidth": bandwidth, "flows": sorted(flows, key=lambda flow: flow[3])}


def simulated(made: dict[str, Any]) -> list[float]:
    """Return the second at which each message has arrived in SimGrid. It can be asked once in a process."""
    from simgrid import Actor, Engine, LinkInRoute, Mailbox, NetZone, this_actor  # type: ignore[import-not-found]

    engine = Engine(["simgrid_flows", *(f"--cfg={option}" for option in OPTIONS), "--log=root.thres:warning"])
    bandwidth, flows = made["bandwidth"], made["flows"]
    zone = NetZone.create_full_zone("all")
    hosts = [zone.create_host(f"worker{worker}", 1e9) for worker in range(len(bandwidth["up"]))]

    def link(name: str, rate: float) -> Any:
        return zone.create_link(name, rate).set_latency(0.0).seal()

    ends: dict[tuple[str, Any], Any] = {
        (way, w): link(f"{way}{w}", rate) for way in ("up", "down") for w, rate in enumerate(bandwidth[way])
    }
    region = {worker: number for number, own in enumerate(bandwidth.get("regions", ())) for worker in own}
    for number, rate in enumerate(bandwidth.get("uplink", ())):
        ends |= {(way, f"region{number}"): link(f"{way}-region{number}", rate) for way in ("up", "down")}
    for pair in sorted({(sender, receiver) for sender, receiver, *_ in flows}):
        sender, receiver = pair
        route = [ends["up", sender], ends["down", receiver]]
        if region:
            together = region[sender] == region[receiver]
            route.append(link(f"pair{pair}", bandwidth["within" if together else "between"]))
            if not together:
                route += [ends["up", f"region{region[sender]}"], ends["down", f"region{region[receiver]}"]]
        netpoints = hosts[sender].netpoint, hosts[receiver].netpoint
        zone.add_route(*netpoints, None, None, [LinkInRoute(each) for each in route], False)
    zone.seal()
    ended = [0.0] * len(flows)

    def send(name: str, numbers: list[int]) -> None:
        for number in numbers:
            this_actor.sleep_until(flows[number][3])
            Mailbox.by_name(name).put(number, int(flows[number][2]))

    def receive(name: str, count: int) -> None:
        for _ in range(count):
            number = Mailbox.by_name(name).get()
            ended[number] = Engine.clock

    connections: dict[tuple[int, int], list[int]] = {}
    for number, (sender, receiver, *_) in enumerate(flows):
        connections.setdefault((sender, receiver), []).append(number)
    for (sender, receiver), numbers in connections.items():
        name = f"{sender}-{receiver}"
        Actor.create(f"send {name}", hosts[sender], send, name, numbers)
        Actor.create(f"receive {name}", hosts[receiver], receive, name, len(numbers))
    engine.run()
    return ended


def main(arguments: list[str]) -> None:
    """Write all clusters into a file; or, with `--one N`, print what SimGrid finds for one."""
    if arguments[0] == "--one":
        print(json.dumps(simulated(cluster(int(arguments[1])))))
        return
    found = []
    for number in range(CLUSTERS):
        command = [sys.executable, __file__, "--one", str(number)]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found.append(cluster(number) | {"ended": json.loads(output.splitlines()[-1])})
    rows = ",\n".join(json.dumps(each) for each in found)
    about = json.dumps(f"{CLUSTERS} random clusters, by benchmarks/simgrid_flows.py with SimGrid 3.32")
    Path(arguments[0]).write_text(f'{{"about": {about},\n"clusters": [\n{rows}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
