-- Display names that are a word out of a sentence, or hold no letter.
SELECT lower(entity_type::text) || '/' || entity_id AS entity, count(*) OVER () AS total
FROM entity_profiles
WHERE lower(btrim(display_name, ' .,;:!?"''')) = ANY (:words::text[]) OR display_name !~ '[[:alpha:]]'
ORDER BY entity
LIMIT :limit
