"""The pages for people who send files and for those who approve: a NiceGUI application in a process of its own.

It knows the address of the HTTP API and nothing else of the system, so it imports no other package of this project. A
request passes ``security.py`` (headers), ``screen.py`` (session, frame, errors) and one module of ``screens/``.
``api_client.py`` sends every request to the API with the key of the session, so a page can do what its key may do.
"""
