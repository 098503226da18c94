"""A faulty server in front of a Vault, as tests of other rooms know it."""

from tests.clients.fake_server import Fault, Pass, Request, Said, cut, faulty, lost, passes

__all__ = ["Fault", "Pass", "Request", "Said", "cut", "faulty", "lost", "passes"]
