"""The numbered steps of the ledger's schema: NNNN_name.up.sql and the way back, NNNN_name.down.sql.

0001 the ledger and its projections; 0002 API keys; 0003 versions of settings, and which of them each round trip ran
under. The next, 0004, is kept for stored levels, confluence, results by setup, and outside intelligence. A number is
given once and never changes; a step that drops tables on its way back says so in its first comment.
"""
