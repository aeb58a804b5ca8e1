-- The graphs by name: the projection of graph_created and graph_renamed. The lock is for processes
-- that start at the same moment: IF NOT EXISTS alone does not keep two of them apart.
DO $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('graph_names'));
    CREATE TABLE IF NOT EXISTS graph_names (
        name text PRIMARY KEY,
        graph_id bytea NOT NULL UNIQUE
    );
END
$$
