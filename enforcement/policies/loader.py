"""Loading a folder of policies: all of them or none, with every file's mistake in one message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path

from enforcement.policies.policy import Policy
from enforcement.policies.reader import read_policy
from vigil.errors import ConfigError

_SUFFIXES = (".yaml", ".yml")


@contextmanager
def policy_folder(folder: Path | None) -> Iterator[Path]:
    """The folder of policies; None: the starter pack's."""
    if folder is not None:
        yield folder
        return
    with as_file(files("enforcement.policies").joinpath("starter")) as starter:
        yield starter


def load_policies(folder: Path | None) -> tuple[Policy, ...]:
    """The policies of a folder by name; None: the starter pack.

    Raises ConfigError with one line for each file that is wrong, and when two files hold the same policy.
    """
    with policy_folder(folder) as found:
        return _load(found, "starter pack: " if folder is None else f"{folder}/")


def _load(folder: Path, shown: str) -> tuple[Policy, ...]:
    if not folder.is_dir():
        raise ConfigError(f"there is no folder {folder} of policies; check VIGIL_POLICIES or --policies")
    try:
        found = sorted(path for path in folder.iterdir() if _is_policy(path))
    except OSError as error:
        raise ConfigError(f"cannot read the policies in {folder}: {error.strerror}") from error
    if not found:
        raise ConfigError(f"{folder} holds no policy: expected files that end in {' or '.join(_SUFFIXES)}")
    policies: dict[str, Policy] = {}
    mistakes: list[str] = []
    for path in found:
        try:
            policy = read_policy(path, f"{shown}{path.name}")
        except ConfigError as error:
            mistakes.append(str(error))
            continue
        if policy.name in policies:
            mistakes.append(f"{policy.file}: policy {policy.name!r} stands in {policies[policy.name].file} already")
        policies.setdefault(policy.name, policy)
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    return tuple(policies[name] for name in sorted(policies))


def _is_policy(path: Path) -> bool:
    return path.suffix in _SUFFIXES and not path.name.startswith(".") and not path.name.endswith(".test.yaml")
