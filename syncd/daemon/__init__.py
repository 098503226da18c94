"""Passes on a schedule, observable, beside other replicas.

settings.py    [daemon] and [definitions] of syncd.toml, and the environment
schedule.py    when is which target's turn: pure
clock.py       a clock that only grows, and the time of day
known.py       the registry as it was last looked at
share.py       the one lease, shared by the passes of this process
work.py        what a thread does for a pass
engine.py      ticks: registry in, passes started and ended
folder.py      definitions from a folder that others keep up to date
observing.py   what the daemon knows of itself and of each target, for logs, metrics and health
metrics.py     that, for Prometheus
server.py      /livez, /readyz, /metrics
logs.py        a line of JSON for each event
process.py     signals, reloading, draining, exit codes
"""
