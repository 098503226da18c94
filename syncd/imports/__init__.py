"""Moving in: what others keep of connections and variables, as definitions. Pure: text in, values out.

found.py         what one source has, and what in it can't be taken
objects.py       JSON and YAML texts as one object by id, each problem with its place
values.py        one connection or variable, as Airflow's constructor takes it, to fields
uris.py          a connection's URI, read as Airflow reads it
exports.py       `airflow connections export` in JSON and YAML, `airflow variables export`
environment.py   AIRFLOW_CONN_* and AIRFLOW_VAR_*, dotenv, `airflow connections export` as env
settings.py      `airflow_settings.yaml`
astro.py         environment objects, as Astro's API answers
kept.py          what stock VaultBackend reads
forms.py         which of them a file is
sources.py       several sources of one deployment, as one
joining.py       what several deployments have, as definitions with links and overrides
planning.py      against a workspace: what is new, the same, different
"""
