"""One self-contained HTML file of benchmark results, to look at and to send around."""

from benchmarks.report.page import write_report

__all__ = ["write_report"]
