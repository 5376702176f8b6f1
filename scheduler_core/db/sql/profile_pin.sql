-- Zero rows: there is no such attribute, or it is as wanted already.
UPDATE entity_profile_attributes SET pinned = :pinned
WHERE id = :id AND entity_type = :entity_type AND entity_id = :entity_id AND pinned <> :pinned
RETURNING id
