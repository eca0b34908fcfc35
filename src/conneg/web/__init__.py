"""What conneg serves over HTTP: the service where devices publish what they can take, and the retrieval server.

`publishing` is the first. `server` runs the second, whose application is `app`: nothing that was staged is ever shown
by a browser as it is; contents leave as attachments, previews are pictures made by worker processes.
"""
