"""The source of truth: definitions, links and overrides, each change a revision; and what lies in each target.

SQLAlchemy Core, never its ORM: importing that costs more than the rest of the registry.
"""
