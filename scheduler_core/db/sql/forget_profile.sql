-- Versions, drafts, judgements and what undo would need go with it.
DELETE FROM entity_profiles WHERE entity_type = :entity_type AND entity_id = :entity_id
