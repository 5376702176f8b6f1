-- Dry runs, the runs that apply them, and the runs that undo.
SELECT 1;
