SELECT * FROM scheduled_jobs WHERE NOT enabled ORDER BY paused_at DESC NULLS LAST, id LIMIT :limit
