"""The author's kit: a plugin in the real runtime without a server, typed calls in JSON, records and profiles.

`Stand` is the heart; `hockeypuck-plugin` (`kit.cli`) and the pytest plugin (`kit.testing`) are made of it. The kit may
use everything of the host; nothing of the host uses the kit.
"""
