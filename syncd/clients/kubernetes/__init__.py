"""Kubernetes: how an API server is reached and entered, and its Secrets, read and written."""
