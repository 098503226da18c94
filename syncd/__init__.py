"""Define an Airflow connection once, link it to deployments, override a field where one differs."""
