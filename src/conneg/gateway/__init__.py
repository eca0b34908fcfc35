"""The gateway: policy and lifetimes. `service.Gateway` is all of it; `intake` is where a message's trip begins."""
