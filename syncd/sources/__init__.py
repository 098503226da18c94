"""How a reader gets one place: a file each, the standard library only, since an Airflow worker imports them."""
