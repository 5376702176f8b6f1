-- Whose summary is out of date. The first branch reads its partial index only.
SELECT entity_type, entity_id FROM entity_profiles
WHERE summarised_revision IS DISTINCT FROM revision
UNION
SELECT entity_type, entity_id FROM entity_profiles
WHERE summary_recipe IS DISTINCT FROM :recipe::integer OR (:model_available::boolean AND summary_model = '')
ORDER BY entity_type, entity_id
