"""What every plugin has to pass, whatever it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wasmpuck.errors import WasmpuckError
from wasmpuck.kit.circumstances import Circumstances
from wasmpuck.kit.stand import Stand
from wasmpuck.runtime.compile import Compiler
from wasmpuck.trust import VerifiedArtifact

__all__ = ["Step", "smoke"]


@dataclass(frozen=True, slots=True)
class Step:
    """Something that was tried: what, whether it held, and what there is to say about it."""

    name: str
    passed: bool
    words: str = ""


async def smoke(artifact: VerifiedArtifact, around: Circumstances, compiler: Compiler | None = None) -> list[Step]:
    """Brings a plugin into service and asks each function of its lifecycle that can be asked again. Ends at the first
    step that fails.
    """
    steps: list[Step] = []
    try:
        async with Stand(artifact, around, compiler=compiler) as stand:
            steps.append(Step("comes into service", True, f"with {', '.join(stand.plugin.worlds)}"))
            settings = stand.plugin.settings_json
            for name, arguments in (
                ("describe", ()),
                ("validate-config", (settings,)),
                ("self-test", ()),
                ("health", ()),
            ):
                answer = await stand.call(f"lifecycle.{name}", *arguments)
                words = _problem(name, answer)
                cost = f"fuel {stand.fuel:,}, {100 * stand.fuel / stand.plugin.limits.fuel:.2g} % of a call's"
                steps.append(Step(f"lifecycle.{name}", not words, words or cost))
                if words:
                    break
    except WasmpuckError as error:
        steps.append(Step("goes into service" if not steps else "stays in service", False, str(error)))
    return steps


def _problem(name: str, answer: Any) -> str:
    """Why an answer is not good; empty when it is."""
    if name == "validate-config" and answer:
        return "; ".join(f"{one['path']}: {one['message']}" for one in answer)
    if name == "self-test" and "err" in answer:
        return str(answer["err"])
    if name == "health" and answer != "healthy":
        return str(answer)
    return ""
