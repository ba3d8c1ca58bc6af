"""Weekly and final reports of a client: one page of HTML, a PDF and a workbook, in French or English.

    from mpp_supabase.reports import ClientReport, write_report
    write_report("reports", ClientReport("weekly", mpp.reports.follow(participation_id)), "fr")

No database and no network: the caller brings the follow-up, and figures.py says what a report is. layout.py lays it out
once; page.py, paper.py and workbook.py draw it, charts.py makes the charts of the first two.
"""

from mpp_supabase.reports.figures import ATTENTION_REASONS, KINDS, AttentionReason, ClientReport, ReportKind
from mpp_supabase.reports.files import FORMATS, Format, ReportError, report_bytes, write_report, write_reports
from mpp_supabase.reports.wording import LANGUAGES, Language

__all__ = [
    "ATTENTION_REASONS",
    "FORMATS",
    "KINDS",
    "LANGUAGES",
    "AttentionReason",
    "ClientReport",
    "Format",
    "Language",
    "ReportError",
    "ReportKind",
    "report_bytes",
    "write_report",
    "write_reports",
]
