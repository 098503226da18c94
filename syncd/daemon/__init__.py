"""Passes on a schedule, observable, beside other replicas.

settings.py    [daemon] and [definitions] of syncd.toml, and the environment
schedule.py    when is which target's turn: pure
share.py       the one lease, shared by the passes of this process
engine.py      ticks: registry in, passes started and ended
folder.py      definitions from a folder that others keep up to date
observing.py   what the daemon knows of itself and of each target, for logs, metrics and health
metrics.py     that, for Prometheus
server.py      /livez, /readyz, /metrics
logs.py        a line of JSON for each event
process.py     signals, reloading, draining, exit codes
"""
