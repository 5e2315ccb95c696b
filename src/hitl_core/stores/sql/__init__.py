"""What stores on SQL have in common: one function for each command and query, on rows that look the same everywhere.

    tables/    rows as records and back, the audit trail; link.py says what an engine brings along
    commands/  answers/  erasing/  reading/    one function for each command and query
    dispatch   which function carries out which
    waking/    who waits for a change, and how they are woken

The statements are written in SQLite's words. What they run on, how transactions, locks and pools work, and how another
engine says the same: that is each engine's own (decision 0040).
"""
