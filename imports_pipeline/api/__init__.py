"""The HTTP API: the same imports and batches over HTTP. ``app.create_app`` assembles it.

A request passes ``requests/bodies.py`` (size limits), ``authentication.py`` (API key and scope), one module of
``routes/``, ``workers.py`` (the processes that run imports for waiting callers), and ``responses/envelope.py`` (the
common shape of all responses).
"""
