-- Embeddings, lineage and what was judged about memories.
SELECT 1;
