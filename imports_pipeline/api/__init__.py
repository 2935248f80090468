"""The HTTP API: the same imports and batches over HTTP. ``app.create_app`` puts it together.

A request's way: ``bodies`` (limits), ``callers`` (whose key it is), the routes of ``imports``, ``files`` and so on,
``work`` (the processes that run what a caller waits for), ``envelope`` (the one shape of all answers).
"""
