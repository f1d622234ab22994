-- Users, their roles and special rights, passwords, one-time codes and sessions; menus; rules that refuse requests.

CREATE TABLE access_user (
    id           uuid PRIMARY KEY,
    login        text NOT NULL UNIQUE CHECK (login ~ '^[a-z0-9][a-z0-9._@-]{1,63}$'),
    party_id     uuid NOT NULL REFERENCES party (id),
    kind         text NOT NULL CHECK (kind IN ('operator', 'merchant', 'agent', 'member')),
    name_sealed  bytea NOT NULL,
    phone_sealed bytea,
    state        text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'locked', 'closed')),
    parameters   jsonb NOT NULL DEFAULT '{}',
    created_at   timestamptz NOT NULL,
    version      integer NOT NULL DEFAULT 1
);
CREATE INDEX access_user_party ON access_user (party_id);

CREATE TABLE user_role (
    id      uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES access_user (id),
    role_id uuid NOT NULL REFERENCES role (id),
    version integer NOT NULL DEFAULT 1,
    UNIQUE (user_id, role_id)
);
CREATE INDEX user_role_role ON user_role (role_id);

CREATE TABLE user_permission (
    id            uuid PRIMARY KEY,
    user_id       uuid NOT NULL REFERENCES access_user (id),
    permission_id uuid NOT NULL REFERENCES permission_item (id),
    effect        text NOT NULL CHECK (effect IN ('grant', 'deny')),
    version       integer NOT NULL DEFAULT 1,
    UNIQUE (user_id, permission_id)
);
CREATE INDEX user_permission_item ON user_permission (permission_id);

-- What each user may do now: by a role or a grant, unless denied; items for operators only where the party is one's own.
CREATE VIEW user_right AS
SELECT u.id AS user_id, i.code
  FROM access_user u
  JOIN party p ON p.id = u.party_id
 CROSS JOIN permission_item i
 WHERE (NOT i.for_operators OR p.kind IN ('platform', 'institution'))
   AND (EXISTS (SELECT 1 FROM user_permission g
                 WHERE g.user_id = u.id AND g.permission_id = i.id AND g.effect = 'grant')
        OR EXISTS (SELECT 1 FROM user_role ur JOIN role r ON r.id = ur.role_id
                    WHERE ur.user_id = u.id
                      AND (r.holds_all OR EXISTS (SELECT 1 FROM role_permission rp
                                                   WHERE rp.role_id = r.id AND rp.permission_id = i.id))))
   AND NOT EXISTS (SELECT 1 FROM user_permission d
                    WHERE d.user_id = u.id AND d.permission_id = i.id AND d.effect = 'deny');

-- One row per user, under the user's id. A session is good for the version it was opened under.
CREATE TABLE user_password (
    id           uuid PRIMARY KEY REFERENCES access_user (id),
    hash         text NOT NULL CHECK (hash LIKE '$argon2id$%'),
    past         text[] NOT NULL DEFAULT '{}',
    must_change  boolean NOT NULL,
    good_until   timestamptz,
    wrong_tries  integer NOT NULL DEFAULT 0,
    locked_until timestamptz,
    changed_at   timestamptz NOT NULL,
    version      integer NOT NULL DEFAULT 1
);

-- `last_step` is the time step of the newest code that was taken: none is taken twice, nor one from before.
CREATE TABLE user_totp (
    id            uuid PRIMARY KEY REFERENCES access_user (id),
    secret_sealed bytea NOT NULL,
    state         text NOT NULL CHECK (state IN ('proposed', 'active', 'off')),
    last_step     bigint NOT NULL DEFAULT 0,
    recovery      bytea[] NOT NULL DEFAULT '{}',
    changed_at    timestamptz NOT NULL,
    version       integer NOT NULL DEFAULT 1
);

CREATE TABLE user_session (
    id               uuid PRIMARY KEY,
    token_hash       bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    user_id          uuid NOT NULL REFERENCES access_user (id),
    password_version integer NOT NULL,
    source           text NOT NULL,
    opened_at        timestamptz NOT NULL,
    seen_at          timestamptz NOT NULL,
    idle_until       timestamptz NOT NULL,
    expires_at       timestamptz NOT NULL,
    ended_at         timestamptz
);
CREATE INDEX user_session_user ON user_session (user_id, id);
CREATE INDEX user_session_expiry ON user_session (expires_at);

-- Tries of one address, whoever it tried to be.
CREATE TABLE login_source (
    source       text PRIMARY KEY,
    wrong_tries  integer NOT NULL,
    forgotten_at timestamptz NOT NULL
);

CREATE TABLE login_event (
    id       uuid PRIMARY KEY,
    at       timestamptz NOT NULL,
    login    text NOT NULL,
    user_id  uuid REFERENCES access_user (id),
    party_id uuid REFERENCES party (id),
    source   text NOT NULL,
    outcome  text NOT NULL,
    CHECK ((user_id IS NULL) = (party_id IS NULL))
);
CREATE INDEX login_event_party ON login_event (party_id, id);

CREATE TABLE menu_entry (
    id            uuid PRIMARY KEY,
    code          text NOT NULL UNIQUE CHECK (code ~ '^[a-z][a-z0-9_.-]{0,63}$'),
    parent_id     uuid REFERENCES menu_entry (id),
    position      integer NOT NULL,
    title_zh      text NOT NULL,
    title_en      text NOT NULL,
    permission_id uuid REFERENCES permission_item (id),
    version       integer NOT NULL DEFAULT 1,
    CHECK (parent_id <> id)
);
CREATE INDEX menu_entry_parent ON menu_entry (parent_id);
CREATE INDEX menu_entry_permission ON menu_entry (permission_id);

-- An empty field matches everything; `daily_from` and `daily_until` are minutes of the day in Shanghai.
CREATE TABLE interception_rule (
    id          uuid PRIMARY KEY,
    code        text NOT NULL UNIQUE CHECK (code ~ '^[a-z][a-z0-9_.-]{0,63}$'),
    is_on       boolean NOT NULL,
    method      text NOT NULL DEFAULT '',
    path        text NOT NULL DEFAULT '',
    source      text NOT NULL DEFAULT '',
    caller      text NOT NULL DEFAULT '',
    daily_from  smallint CHECK (daily_from BETWEEN 0 AND 1439),
    daily_until smallint CHECK (daily_until BETWEEN 0 AND 1440),
    starts_at   timestamptz,
    ends_at     timestamptz,
    why         text NOT NULL CHECK (why <> ''),
    version     integer NOT NULL DEFAULT 1,
    CHECK ((daily_from IS NULL) = (daily_until IS NULL)),
    CHECK (method <> '' OR path <> '' OR source <> '' OR caller <> '')
);
