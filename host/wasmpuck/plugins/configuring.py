"""A plugin's settings and the JSON Schema that its manifest has for them: what is left out is filled in, the rest
checked.

The schema is a publisher's, signed and bounded in size, but a small schema can still mean a lot of work (references
that double at each step, expressions that backtrack). So every keyword that is applied costs a part of a fixed amount
of work, expressions are matched by `expressions`, and nothing is fetched.
"""

from __future__ import annotations

import copy
import difflib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from wasmpuck.config.plugins import canonical_json
from wasmpuck.errors import ArtifactRefused, Refusal
from wasmpuck.logs import escape
from wasmpuck.plugins.expressions import BadExpression, Expression

if TYPE_CHECKING:
    from jsonschema import ValidationError

__all__ = ["MOST_WORK", "complete"]

#: Units of work that filling in and checking may take together: some tenths of a second.
MOST_WORK: Final = 50_000
#: States of an expression that are looked at for one unit.
_STATES: Final = 64
_DEEPEST: Final = 32
_MOST_PROBLEMS: Final = 8
_LONGEST_VALUE: Final = 60


class _TooMuchWork(Exception):
    """The schema asks for more than it may."""


class _Work:
    """What is left of the amount of work."""

    def __init__(self) -> None:
        self.left = MOST_WORK

    def spend(self, units: int = 1) -> None:
        self.left -= units
        if self.left < 0:
            raise _TooMuchWork


def complete(plugin: str, schema: Mapping[str, Any], settings_json: str) -> str:
    """The settings (a JSON object) with the schema's defaults filled in, as canonical text.

    Takes some tenths of a second at most.

    Raises:
        ArtifactRefused: `CONFIGURATION_REJECTED`, naming each setting that does not fit; `BAD_MANIFEST`, if the schema
            is none.
    """
    work = _Work()
    try:
        settings = json.loads(settings_json)
        _fill(settings, schema, schema, work, 0)
        problems = list(_problems(plugin, schema, settings, work))
    except (_TooMuchWork, RecursionError):
        raise ArtifactRefused(
            Refusal.BAD_MANIFEST,
            f"{plugin}: the schema of its settings takes too much work",
            hint="the publisher has to write it with fewer references, or shorter expressions",
        ) from None
    if problems:
        more = len(problems) - _MOST_PROBLEMS
        tail = f"; and {more} more" if more > 0 else ""
        raise ArtifactRefused(
            Refusal.CONFIGURATION_REJECTED,
            f"{plugin} does not accept its settings: {'; '.join(problems[:_MOST_PROBLEMS])}{tail}",
            hint=f"change the settings of {plugin} in the configuration file",
        )
    return canonical_json(settings)


# --- defaults ------------------------------------------------------------------------------------


def _resolved(schema: Any, root: Mapping[str, Any], work: _Work) -> Mapping[str, Any]:
    """A part of the schema, or what it refers to (`#/$defs/name`)."""
    while isinstance(schema, Mapping) and isinstance(schema.get("$ref"), str) and "default" not in schema:
        work.spend()
        found: Any = root
        for step in schema["$ref"].removeprefix("#").split("/")[1:]:
            step = step.replace("~1", "/").replace("~0", "~")
            found = found.get(step) if isinstance(found, Mapping) else None
        schema = found
    return schema if isinstance(schema, Mapping) else {}


def _fill(value: Any, schema: Any, root: Mapping[str, Any], work: _Work, depth: int) -> None:
    """Puts defaults into the tables of `value`, those in lists included."""
    work.spend()
    if depth > _DEEPEST:
        return
    part = _resolved(schema, root, work)
    if isinstance(value, list):
        for item in value:
            _fill(item, part.get("items"), root, work, depth + 1)
    properties = part.get("properties")
    if not isinstance(value, dict) or not isinstance(properties, Mapping):
        return
    for name, inner in properties.items():
        if name not in value:
            made = _default(inner, root, work, depth + 1)
            if made is not None:
                value[name] = made[0]
        else:
            _fill(value[name], inner, root, work, depth + 1)


def _default(schema: Any, root: Mapping[str, Any], work: _Work, depth: int) -> tuple[Any] | None:
    """The default of a setting; for a table without one, what its settings' defaults make, unless one of them is
    needed.
    """
    work.spend()
    part = _resolved(schema, root, work)
    if "default" in part:
        value = copy.deepcopy(part["default"])
        _fill(value, part, root, work, depth)
        return (value,)
    if part.get("type") != "object" or not isinstance(part.get("properties"), Mapping):
        return None
    table: dict[str, Any] = {}
    _fill(table, part, root, work, depth)
    return (table,) if table and set(_names(part.get("required"))) <= set(table) else None


def _names(value: Any) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


# --- checks --------------------------------------------------------------------------------------


def _problems(plugin: str, schema: Mapping[str, Any], settings: Any, work: _Work) -> Iterator[str]:
    """A sentence for each setting that does not fit."""
    import jsonschema.validators  # 0.1 s that only servers with such plugins spend
    from jsonschema.exceptions import SchemaError
    from referencing.exceptions import Unresolvable

    draft = jsonschema.validators.Draft202012Validator
    try:
        draft.check_schema(schema)
        rules = {name: _measured(rule, work) for name, rule in draft.VALIDATORS.items()}
        rules["pattern"] = _pattern(work)
        if _mentions(schema, "patternProperties"):
            raise BadExpression("patternProperties cannot be used here: name each setting")
        checker = jsonschema.validators.extend(draft, rules)(schema)  # type: ignore[no-untyped-call]
        errors = sorted(checker.iter_errors(settings), key=lambda error: [str(step) for step in error.absolute_path])
    except (SchemaError, Unresolvable, BadExpression) as problem:
        words = problem.message if isinstance(problem, SchemaError) else str(problem)
        raise ArtifactRefused(
            Refusal.BAD_MANIFEST,
            f"{plugin}: the schema of its settings cannot be used: {_short(words, 300)}",
            hint="the publisher has to correct `configuration` and sign it again",
        ) from None
    for error in errors:
        yield from _sentences(error)


def _mentions(value: Any, key: str) -> bool:
    """Whether a schema uses a keyword. Settings of that name count as well, and are rare."""
    if isinstance(value, Mapping):
        return key in value or any(_mentions(inner, key) for inner in value.values())
    return isinstance(value, list) and any(_mentions(inner, key) for inner in value)


Rule = Callable[[Any, Any, Any, Any], Iterable[Any] | None]


def _measured(rule: Rule, work: _Work) -> Rule:
    def measured(validator: Any, value: Any, instance: Any, schema: Any) -> Iterable[Any] | None:
        work.spend(1 + (len(instance) // 16 if isinstance(instance, (str, list, dict)) else 0))
        return rule(validator, value, instance, schema)

    return measured


def _pattern(work: _Work) -> Rule:
    def pattern(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
        from jsonschema import ValidationError

        if not isinstance(instance, str):
            return
        expression = Expression.of(value)
        work.spend(1 + len(instance) * expression.size // _STATES)
        if not expression.found(instance):
            yield ValidationError(f"{instance!r} does not match {value!r}")

    return pattern


def _sentences(error: ValidationError) -> Iterator[str]:
    """What is wrong and what would be right, with the dotted path in front."""
    rule, wanted = error.validator, error.validator_value
    value: Any = error.instance
    path = list(error.absolute_path)
    if rule == "required":
        for name in _names(wanted):
            if name not in value:
                yield f"{_dotted([*path, name])}: is missing{_expected(error.schema, name)}"
        return
    if rule == "additionalProperties" and isinstance(value, dict) and isinstance(error.schema, Mapping):
        known = list(error.schema.get("properties", ()))
        if wanted is False:
            for name in value:
                if name not in known:
                    near = difflib.get_close_matches(name, known, 1)
                    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known) or 'none'}"
                    yield f"{_dotted([*path, name])}: is not a setting; {hint}"
            return
    where = _dotted(path)
    sentence = _right(str(rule), wanted) or _short(error.message, 200)
    shown = "" if isinstance(value, (dict, list)) else f", not {_shown(value)}"
    yield f"{where}: {sentence}{shown}" if where else f"{sentence}{shown}"


def _right(rule: str, wanted: Any) -> str:
    """What a rule asks for, in words; empty for rules that speak for themselves."""
    match rule:
        case "type":
            kinds = [wanted] if isinstance(wanted, str) else _names(wanted)
            return "has to be " + " or ".join(_KINDS.get(kind, kind) for kind in kinds)
        case "enum":
            return "has to be one of " + ", ".join(map(_shown, wanted))
        case "const":
            return f"has to be {_shown(wanted)}"
        case "pattern":
            return f"has to match {_short(str(wanted), 256)}"
    words = _BOUNDS.get(rule)
    return words.format(_shown(wanted)) if words else ""


_KINDS: Final = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a table",
    "null": "null",
}
_BOUNDS: Final = {
    "minimum": "has to be at least {}",
    "maximum": "has to be at most {}",
    "exclusiveMinimum": "has to be more than {}",
    "exclusiveMaximum": "has to be less than {}",
    "multipleOf": "has to be a multiple of {}",
    "minLength": "needs at least {} characters",
    "maxLength": "may have at most {} characters",
    "minItems": "needs at least {} entries",
    "maxItems": "may have at most {} entries",
    "minProperties": "needs at least {} settings",
    "maxProperties": "may have at most {} settings",
    "uniqueItems": "must not have an entry twice",
}


def _expected(schema: Any, name: str) -> str:
    """What a missing setting would have to be, if its schema says it plainly."""
    inner = schema.get("properties", {}).get(name) if isinstance(schema, Mapping) else None
    if not isinstance(inner, Mapping):
        return ""
    for rule in ("enum", "type"):
        if rule in inner:
            return f": it {_right(rule, inner[rule])}"
    return ""


def _dotted(path: Iterable[Any]) -> str:
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return _short(text, 200)


def _shown(value: Any) -> str:
    return _short(json.dumps(value, ensure_ascii=False), _LONGEST_VALUE)


def _short(text: str, limit: int) -> str:
    return escape(text if len(text) <= limit else text[:limit] + "…")
