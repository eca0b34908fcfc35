"""The retrieval server: pages and contents of what was staged, for those who were sent the link.

`serve_staged` runs it; `app` is its Starlette application. Nothing that was staged is ever shown by a browser as it is:
contents leave as attachments, previews are pictures made by worker processes.
"""
