"""What a deployment has, in the forms that others read on a laptop. Pure: items in, texts out.

rendered.py    what a form gives: files, and what it can't hold
names.py       what connections and variables are called in an environment, and what an environment holds
dotenv.py      AIRFLOW_CONN_* and AIRFLOW_VAR_*, for shells, python-dotenv and Compose alike
file_json.py   `connections.json` and `variables.json`, for LocalFilesystemBackend
file_yaml.py   the same in YAML
settings.py    `airflow_settings.yaml`, for the Astro CLI
json_text.py   JSON that shells, readers of dotenv and YAML take as it is
yaml_text.py   YAML that old and new readers take for the same
formats.py     all of them by name

The inverse of most is in `syncd.imports`.
"""
