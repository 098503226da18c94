"""A deployment's connections and variables on a developer's machine.

copies.py       what a copy of a deployment holds, and what is withheld from it
environment.py  what the machine itself says, which wins, and what a child is told
folder.py       a private folder that our backend reads, kept fresh
child.py        a command that runs on it: its signals and its end
"""
