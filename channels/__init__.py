"""The banks' languages: messages, signatures, file templates and code tables, and no transport.

Nothing here imports `gateway` or `connectors`; a new bank is one package here, one seed file and golden samples.
"""
