-- How many profiles there are, and whose summary is out of date; one row with nulls if none is. The first
-- branch reads its partial index only. What a person took back waits for the next change of an attribute.
WITH due AS (
    SELECT id, revision, entity_type, entity_id FROM entity_profiles
    WHERE summarised_revision IS DISTINCT FROM revision
    UNION
    SELECT id, revision, entity_type, entity_id FROM entity_profiles
    WHERE summary_recipe IS DISTINCT FROM :recipe::integer OR (:model_available::boolean AND summary_model = '')
)
SELECT total.profiles, due.entity_type, due.entity_id
FROM (SELECT count(*) AS profiles FROM entity_profiles) total
LEFT JOIN due ON NOT EXISTS (
    SELECT FROM entity_profile_holds h WHERE h.profile_id = due.id AND h.revision = due.revision
)
ORDER BY due.entity_type COLLATE "C", due.entity_id COLLATE "C"
