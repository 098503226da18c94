"""The servers that documents are pushed to: the only imports of their libraries."""
