"""The airflow_local_settings.py of an Airflow that is in no pod: stock KubernetesSecretsBackend reads a pod's account.

It is in AIRFLOW_HOME here, and in /var/run/secrets/kubernetes.io in every pod.
"""

import os
from pathlib import Path

from kubernetes.config import incluster_config

_MOUNTED = Path(os.environ["AIRFLOW_HOME"], "serviceaccount")
incluster_config.SERVICE_TOKEN_FILENAME = str(_MOUNTED / "token")
incluster_config.SERVICE_CERT_FILENAME = str(_MOUNTED / "ca.crt")
