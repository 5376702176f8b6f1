DELETE FROM entity_profile_attributes WHERE entity_type = :entity_type AND entity_id = :entity_id
