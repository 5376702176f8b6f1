-- Forgets decisions about lines that changed or went, and adds the new ones.
WITH profile AS (
    SELECT id FROM entity_profiles WHERE entity_type = :entity_type AND entity_id = :entity_id
), forgotten AS (
    DELETE FROM entity_profile_judgements j
    USING profile
    WHERE j.profile_id = profile.id
        AND (j.recipe <> :recipe::integer OR NOT EXISTS (
            SELECT 1 FROM unnest(:current_winners::bytea[], :current_losers::bytea[]) AS c (winner, loser)
            WHERE c.winner = j.winner AND c.loser = j.loser
        ))
)
INSERT INTO entity_profile_judgements (profile_id, winner, loser, model, recipe, decision)
SELECT profile.id, n.winner, n.loser, :model::text, :recipe::integer, n.decision
FROM profile, unnest(:winners::bytea[], :losers::bytea[], :decisions::text[]) AS n (winner, loser, decision)
ON CONFLICT (profile_id, model, recipe, winner, loser)
DO UPDATE SET decision = excluded.decision, judged_at = now()
