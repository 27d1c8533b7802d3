"""What Tools/test is made of."""

from .plan import Plan, WrongUsage
from .report import Report

__all__ = ["Plan", "Report", "WrongUsage"]
