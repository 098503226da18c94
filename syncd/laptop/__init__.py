"""A deployment's connections and variables on a developer's machine.

copies.py         what a copy of a deployment holds, and what is withheld from it
from_target.py    a copy without the registry: from a target, by the developer's own login
environment.py    what the machine itself says, which wins, and what a child is told
folder.py         a folder that our backend reads, kept fresh: a private one, or one that was named
child.py          a command that runs on it: its signals and its end
signals.py        what is done about signals meanwhile
private_files.py  files that an export writes
work_tree.py      whether Git would take such a file along
watching.py       keeping them fresh until a signal says to stop
"""
