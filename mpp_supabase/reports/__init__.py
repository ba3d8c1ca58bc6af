"""Weekly and final reports of a client: one page of HTML, a PDF and a workbook, in French or English.

    from mpp_supabase.reports import ClientReport, write_report
    write_report("reports", ClientReport(kind="weekly", …), "fr")

No database and no network: the caller brings the figures (figures.py). layout.py says once what a report holds;
page.py, paper.py and workbook.py draw it, charts.py makes the charts of the first two.
"""

from mpp_supabase.reports.figures import (
    ATTENTION_REASONS,
    KINDS,
    MEASURES,
    AttentionReason,
    Award,
    ClientReport,
    Comparison,
    Day,
    Department,
    Edition,
    Figure,
    GeneralRank,
    League,
    Measure,
    Organisation,
    ReportKind,
    TerritoryClass,
    Theme,
    Totals,
    Unit,
    Week,
)
from mpp_supabase.reports.files import FORMATS, Format, ReportError, report_bytes, write_report, write_reports
from mpp_supabase.reports.wording import LANGUAGES, Language

__all__ = [
    "ATTENTION_REASONS",
    "FORMATS",
    "KINDS",
    "LANGUAGES",
    "MEASURES",
    "AttentionReason",
    "Award",
    "ClientReport",
    "Comparison",
    "Day",
    "Department",
    "Edition",
    "Figure",
    "Format",
    "GeneralRank",
    "Language",
    "League",
    "Measure",
    "Organisation",
    "ReportError",
    "ReportKind",
    "TerritoryClass",
    "Theme",
    "Totals",
    "Unit",
    "Week",
    "report_bytes",
    "write_report",
    "write_reports",
]
