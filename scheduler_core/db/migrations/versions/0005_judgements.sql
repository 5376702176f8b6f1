-- What a model decided about ambiguous attributes, so that it is asked once.
SELECT 1;
