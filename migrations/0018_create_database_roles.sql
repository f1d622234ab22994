-- Database roles with least rights, and row-level security: the second fence behind the scope that every query binds.
--
-- Group roles without a login, one set for the whole cluster: connections take one on by SET ROLE. What each may do with
-- a table is granted after every migration (gateway/kernel/postgres/roles.py). The owner is whoever migrates.
--   tillgate_journal  writes the book: inserts entries, never updates or deletes what is written once
--   tillgate_worker   edits records, runs timers; reads the book, never writes it
--   tillgate_door     answers callers: reads only, and of parties only what lies within the scope of its transaction
--   tillgate_read     the same for reports and for people with a database program

DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['tillgate_journal', 'tillgate_worker', 'tillgate_door', 'tillgate_read'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            EXCEPTION
                -- another database of this cluster is being migrated at the same time
                WHEN duplicate_object OR unique_violation THEN NULL;
                WHEN insufficient_privilege THEN
                    RAISE EXCEPTION 'the role % is missing and % may not create roles: let an administrator run'
                        ' "CREATE ROLE tillgate_journal NOLOGIN; CREATE ROLE tillgate_worker NOLOGIN;'
                        ' CREATE ROLE tillgate_door NOLOGIN; CREATE ROLE tillgate_read NOLOGIN;'
                        ' GRANT tillgate_journal, tillgate_worker, tillgate_door, tillgate_read TO %" once in this'
                        ' cluster, then migrate again', wanted, current_user, quote_ident(current_user)
                        USING ERRCODE = 'insufficient_privilege';
            END;
        END IF;
        IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
            BEGIN
                -- whoever made a role is not by that allowed to act as it
                EXECUTE format('GRANT %I TO %I', wanted, current_user);
            EXCEPTION
                -- and whoever only migrates need not: `tillgate doctor` says it of a login that must
                WHEN insufficient_privilege THEN NULL;
            END;
        END IF;
    END LOOP;
END $$;

GRANT USAGE ON SCHEMA part, archive, whole TO tillgate_journal, tillgate_worker, tillgate_read;
-- partitions are made at any time, like what they are partitions of
ALTER DEFAULT PRIVILEGES IN SCHEMA part GRANT SELECT ON TABLES TO tillgate_journal, tillgate_worker, tillgate_read;
ALTER DEFAULT PRIVILEGES IN SCHEMA whole GRANT SELECT ON TABLES TO tillgate_journal, tillgate_worker, tillgate_read;

-- The subtree of parties that this transaction may see, as the door has set it; null, which nothing equals, where it is
-- not set or is no path of a party.
CREATE FUNCTION scope_of_transaction() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN current_setting('tillgate.scope', true) ~ '^(/[0-9a-f]{32})+/$'
                THEN current_setting('tillgate.scope', true) END
$$;

-- Parties carry the scope themselves; a path has hexadecimal digits and slashes, so everything under one sorts before '~'.
ALTER TABLE party ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON party FOR SELECT TO tillgate_door, tillgate_read
    USING (path ~>=~ (SELECT scope_of_transaction()) AND path ~<~ ((SELECT scope_of_transaction()) || '~'));

-- Everything else is seen with its party: this policy reads `party` under the one above.
ALTER TABLE bank_card ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON bank_card FOR SELECT TO tillgate_door, tillgate_read
    USING (EXISTS (SELECT FROM party p WHERE p.id = bank_card.party_id));
ALTER TABLE api_key ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON api_key FOR SELECT TO tillgate_door, tillgate_read
    USING (EXISTS (SELECT FROM party p WHERE p.id = api_key.party_id));
ALTER TABLE access_user ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON access_user FOR SELECT TO tillgate_door, tillgate_read
    USING (EXISTS (SELECT FROM party p WHERE p.id = access_user.party_id));
ALTER TABLE proposal ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON proposal FOR SELECT TO tillgate_door, tillgate_read
    USING (EXISTS (SELECT FROM party p WHERE p.id = proposal.party_id));
ALTER TABLE delegation ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON delegation FOR SELECT TO tillgate_door, tillgate_read
    USING (EXISTS (SELECT FROM party p WHERE p.id = delegation.party_id));
ALTER TABLE merchant ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON merchant FOR SELECT TO tillgate_door, tillgate_read
    USING (EXISTS (SELECT FROM party p WHERE p.id = merchant.id));
ALTER TABLE merchant_profile ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON merchant_profile FOR SELECT TO tillgate_door, tillgate_read
    USING (EXISTS (SELECT FROM party p WHERE p.id = merchant_profile.id));
ALTER TABLE merchant_document ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON merchant_document FOR SELECT TO tillgate_door, tillgate_read
    USING (EXISTS (SELECT FROM party p WHERE p.id = merchant_document.merchant_id));
ALTER TABLE shop ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON shop FOR SELECT TO tillgate_door, tillgate_read
    USING (EXISTS (SELECT FROM party p WHERE p.id = shop.merchant_id));
ALTER TABLE terminal ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON terminal FOR SELECT TO tillgate_door, tillgate_read
    USING (EXISTS (SELECT FROM party p WHERE p.id = terminal.merchant_id));
ALTER TABLE operation ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON operation FOR SELECT TO tillgate_door, tillgate_read
    USING (EXISTS (SELECT FROM party p WHERE p.id = operation.merchant_id));
ALTER TABLE payout ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON payout FOR SELECT TO tillgate_door, tillgate_read
    USING (EXISTS (SELECT FROM party p WHERE p.id = payout.party_id));

-- Tries of nobody's login belong to the platform, which only its own scope covers.
ALTER TABLE login_event ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON login_event FOR SELECT TO tillgate_door, tillgate_read
    USING (CASE WHEN party_id IS NULL THEN EXISTS (SELECT FROM party p WHERE p.kind = 'platform')
                ELSE EXISTS (SELECT FROM party p WHERE p.id = login_event.party_id) END);
-- What holds for everybody has no party.
ALTER TABLE parameter_value ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON parameter_value FOR SELECT TO tillgate_door, tillgate_read
    USING (party_id IS NULL OR EXISTS (SELECT FROM party p WHERE p.id = parameter_value.party_id));

-- The house itself works for everybody.
CREATE POLICY house ON party TO tillgate_journal, tillgate_worker USING (true) WITH CHECK (true);
CREATE POLICY house ON bank_card TO tillgate_journal, tillgate_worker USING (true) WITH CHECK (true);
CREATE POLICY house ON api_key TO tillgate_journal, tillgate_worker USING (true) WITH CHECK (true);
CREATE POLICY house ON access_user TO tillgate_journal, tillgate_worker USING (true) WITH CHECK (true);
CREATE POLICY house ON proposal TO tillgate_journal, tillgate_worker USING (true) WITH CHECK (true);
CREATE POLICY house ON delegation TO tillgate_journal, tillgate_worker USING (true) WITH CHECK (true);
CREATE POLICY house ON merchant TO tillgate_journal, tillgate_worker USING (true) WITH CHECK (true);
CREATE POLICY house ON merchant_profile TO tillgate_journal, tillgate_worker USING (true) WITH CHECK (true);
CREATE POLICY house ON merchant_document TO tillgate_journal, tillgate_worker USING (true) WITH CHECK (true);
CREATE POLICY house ON shop TO tillgate_journal, tillgate_worker USING (true) WITH CHECK (true);
CREATE POLICY house ON terminal TO tillgate_journal, tillgate_worker USING (true) WITH CHECK (true);
CREATE POLICY house ON operation TO tillgate_journal, tillgate_worker USING (true) WITH CHECK (true);
CREATE POLICY house ON payout TO tillgate_journal, tillgate_worker USING (true) WITH CHECK (true);
CREATE POLICY house ON login_event TO tillgate_journal, tillgate_worker USING (true) WITH CHECK (true);
CREATE POLICY house ON parameter_value TO tillgate_journal, tillgate_worker USING (true) WITH CHECK (true);

-- Views read as whoever asks, so row-level security holds behind them; a barrier beside would keep the journal's joins
-- from finding accounts by index.
ALTER VIEW ledger_standing SET (security_invoker = true);
ALTER VIEW user_right SET (security_invoker = true);
