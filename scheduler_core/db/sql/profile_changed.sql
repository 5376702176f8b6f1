-- How many profiles there are, and whose summary is out of date; one row with nulls if none is. The first
-- branch reads its partial index only.
WITH due AS (
    SELECT entity_type, entity_id FROM entity_profiles
    WHERE summarised_revision IS DISTINCT FROM revision
    UNION
    SELECT entity_type, entity_id FROM entity_profiles
    WHERE summary_recipe IS DISTINCT FROM :recipe::integer OR (:model_available::boolean AND summary_model = '')
)
SELECT total.profiles, due.entity_type, due.entity_id
FROM (SELECT count(*) AS profiles FROM entity_profiles) total
LEFT JOIN due ON true
ORDER BY due.entity_type COLLATE "C", due.entity_id COLLATE "C"
