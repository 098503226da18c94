"""Airflow's KubernetesSecretsBackend, told that it is in a pod: what the kubelet mounts lies in BENCH_FOLDER."""

from __future__ import annotations

import os

from airflow.providers.cncf.kubernetes.secrets import kubernetes_secrets_backend
from kubernetes.config import incluster_config

incluster_config.SERVICE_TOKEN_FILENAME = f"{os.environ['BENCH_FOLDER']}/token"
incluster_config.SERVICE_CERT_FILENAME = f"{os.environ['BENCH_FOLDER']}/ca.crt"


class KubernetesSecretsBackend(kubernetes_secrets_backend.KubernetesSecretsBackend):
    """The same."""
