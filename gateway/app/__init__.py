"""The composition root: the only place that knows every room and opens the doors.

`Gateway` (compose) builds one process from settings; `desks` adapts rooms to what the API door asks; `world` starts the
sandbox's processes; `seed` fills a sandbox; `proof` compares the books with the sandbox bank's.
"""
