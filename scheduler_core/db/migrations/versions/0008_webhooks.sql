-- What is to be told to a webhook, until it was heard or given up. It holds ids only; what is told is read
-- from the run when it is sent.
CREATE TABLE webhook_deliveries (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    run_id uuid NOT NULL,
    event text NOT NULL CHECK (event IN ('run.failed', 'run.suspicious', 'run.missed')),
    created_at timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    delivered boolean NOT NULL DEFAULT false,
    last_error text,
    UNIQUE (run_id, event)
);
CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (next_attempt_at) WHERE ended_at IS NULL;
CREATE INDEX webhook_deliveries_ended ON webhook_deliveries (ended_at) WHERE ended_at IS NOT NULL;
