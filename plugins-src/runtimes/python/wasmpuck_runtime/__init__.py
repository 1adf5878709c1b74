"""How Python scripts are executed inside a component that has no operating system under it.

A component is a snapshot of an interpreter, taken at build time. So nothing here may be loaded later, what the standard
library asks of an operating system is answered by the contract or refused (`clockwork`, `chance`, `output`, `denial`),
and whatever can be done before the snapshot is done then: each page that an instance writes to is memory of its own,
the others are shared by all.
"""

from __future__ import annotations
