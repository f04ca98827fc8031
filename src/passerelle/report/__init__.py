"""Show a comparison: tables in the terminal, plots, and one self-contained HTML page.

Everything here reads the plain dictionary of a run's ``results.json`` and works on incomplete ones too:
what is missing is shown as a dash. jinja2, rich, matplotlib and Pillow are imported only when needed.
"""

from passerelle.report.page import page_text, write_page
from passerelle.report.plot import cost_plot, dumbbell_plot
from passerelle.report.summary import Finding, Summary, summarise, summary_text
from passerelle.report.table import render_table, table_text

__all__ = [
    "Finding",
    "Summary",
    "cost_plot",
    "dumbbell_plot",
    "page_text",
    "render_table",
    "summarise",
    "summary_text",
    "table_text",
    "write_page",
]
