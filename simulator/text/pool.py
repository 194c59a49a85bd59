"""Real prompts in place of the grammar's: `vigil simulate --pool prompts.parquet`."""

from __future__ import annotations

from pathlib import Path

from vigil.errors import UsageError

FEWEST = 100


def read_pool(path: Path) -> tuple[str, ...]:
    """The texts of a parquet table (column `text`; only rows with label `benign` where there is such a column), or the
    lines of a text file. Raises UsageError when there are fewer than 100.
    """
    if not path.is_file():
        raise UsageError(f"the pool {path} does not exist; give a parquet file with a column `text`, or a text file")
    texts = _of_table(path) if path.suffix == ".parquet" else path.read_text(errors="replace").splitlines()
    kept = tuple(dict.fromkeys(text.strip() for text in texts if text and text.strip()))
    if len(kept) < FEWEST:
        raise UsageError(f"the pool {path} holds {len(kept)} texts; at least {FEWEST} different ones are needed")
    return kept


def _of_table(path: Path) -> list[str]:
    import pandas as pd

    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is not a readable parquet file: {error}") from error
    if "text" not in table:
        raise UsageError(f"{path} has no column `text`; its columns are {', '.join(map(str, table.columns))}")
    if "label" in table:
        table = table[table["label"] == "benign"]
    return [str(text) for text in table["text"].dropna()]
