"""The database: the embedded server and its supervisor, the pool, migrations, the edit shell and the schema's text.

Only this folder, the journal and the rooms' `store.py` files speak to PostgreSQL.
"""
