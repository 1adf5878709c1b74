"""Executing a plugin on an ordinary machine, for its author's unit tests.

    plugin = testing.load("plugin.py", imports=["storage"], config={"text": "hi"})
    assert plugin.on_request(request).verdict == middleware.Next({"x-greeting": "hi"})
    assert plugin.host.storage == {"count:get": "1"}

The simulation has no quotas. What depends on the runtime (memory, fuel, what of the standard library there is) is
tested with `hockeypuck-plugin test`, which executes the plugin as a server does.
"""

from __future__ import annotations

from .loading import Loaded, load
from .simulation import Simulation
from .transfer import Answer, Sent

__all__ = ["Answer", "Loaded", "Sent", "Simulation", "load"]
