"""A candidate policy on history: whom it would have hit, and how right it would have been."""

from enforcement.backtest.command import backtest

__all__ = ["backtest"]
