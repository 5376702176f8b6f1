"""What is said of a command line that cannot be read: one sentence, and what was probably meant.

Nothing here carries an error id. An id leads from what somebody saw to a line of a log, and of a slip of the
finger no log tells more than the sentence.
"""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

import click

# Older releases of click have no class of their own for it.
_NO_COMMAND = re.compile(r"No such command '(?P<word>.*)'\.")
_VALUE = re.compile(r"'?(?P<word>.*?)'? is not (?:one of|a valid|in the range)")
# What is missing, and the group that lists those there are; of an id it is the one at hand.
_LISTED_BY = {"JOB": "jobs", "ENTITY": "profiles", "ID": ""}
PROGRAM = "bawt-console"
LONGEST_WORD = 60


def explain_usage(error: click.ClickException) -> str:
    """The sentence and the hint. Of a group named without a command, its help."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    if not isinstance(error, click.UsageError) or context is None:
        return f"error: {_sentence(error.format_message())} See: {PROGRAM} --help"
    if error.message == context.get_help():
        return error.message
    said, hint = _told(error, context)
    return f"error: {_sentence(said)} {hint or f'See: {context.command_path} --help'}"


def _told(error: click.UsageError, context: click.Context) -> tuple[str, str]:
    """What is wrong, and what to do about it; an empty hint leaves that to the help."""
    command = context.command
    if isinstance(command, click.Group) and (found := _NO_COMMAND.match(error.message)):
        word = found["word"]
        return f"There is no command {_shown(word)}", _meant(word, command.list_commands(context))
    if isinstance(error, click.NoSuchOption):
        names = [name for each in command.get_params(context) for name in each.opts if name.startswith("--")]
        # Without the dashes, which would make everything look alike.
        near = _meant(error.option_name.lstrip("-"), [name.lstrip("-") for name in names], before="--")
        return f"There is no option {_shown(error.option_name)}", near
    if isinstance(error, click.MissingParameter) and error.param is not None:
        name = _name_of(error.param)
        article = "an" if name[0] in "AEIOU" else "a"
        return f"{context.command_path} needs {article} {name}", _list_of(name, context)
    if isinstance(error, click.BadParameter) and error.param is not None:
        return _of_value(error, error.param)
    return error.format_message(), ""


def _of_value(error: click.BadParameter, parameter: click.Parameter) -> tuple[str, str]:
    name = _name_of(parameter)
    found = _VALUE.match(error.message)
    word, kind = found and found["word"], parameter.type
    if word is not None and isinstance(kind, click.Choice):
        choices = [str(each) for each in kind.choices]
        return f"{name} takes {_any_of(choices)}, not {_shown(word)}", _meant(word, choices)
    if word is not None and isinstance(kind, click.types.IntParamType):
        return f"{name} takes a whole number{_range_of(kind)}, not {_shown(word)}", ""
    return f"{name} cannot be used: {error.message}", ""


def _name_of(parameter: click.Parameter) -> str:
    """As it is typed: `--state`; as the help shows it: `ID`."""
    if isinstance(parameter, click.Option):
        return max(parameter.opts, key=len)
    return parameter.human_readable_name


def _list_of(name: str, context: click.Context) -> str:
    """The command that lists what is missing, where there is one."""
    group = _LISTED_BY.get(name)
    if group is None or context.parent is None:
        return ""
    at_hand = context.parent.command_path
    return f"List them with: {f'{context.find_root().command_path} {group}' if group else at_hand} list"


def _meant(word: str, names: Sequence[str], *, before: str = "") -> str:
    near = get_close_matches(word.lower(), names, n=1)
    return f"Did you mean {before}{near[0]}?" if near else ""


def _range_of(kind: object) -> str:
    if not isinstance(kind, click.IntRange) or kind.min is None:
        return ""
    return f" from {kind.min}" if kind.max is None else f" from {kind.min} to {kind.max}"


def _any_of(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def _shown(word: str) -> str:
    return repr(word if len(word) <= LONGEST_WORD else f"{word[:LONGEST_WORD]}…")


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
