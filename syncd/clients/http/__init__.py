"""HTTP to a server of JSON, with the standard library alone: what every client here goes through."""
