-- Who works with Muster, and on which sites. Everything that is stored belongs to one site.

CREATE SCHEMA muster;

CREATE TABLE muster.sites (
  id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  slug       text COLLATE "C" NOT NULL,
  name       text NOT NULL,
  settings   jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT sites_slug UNIQUE (slug),
  CONSTRAINT sites_slug_shape CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$')
);
COMMENT ON TABLE muster.sites IS 'A tenant: one LMS with its own people, segments and courses.';
COMMENT ON COLUMN muster.sites.settings IS 'Only what differs from the defaults, which are in shared/src/model/site.rs.';

CREATE TABLE muster.accounts (
  id              uuid PRIMARY KEY,
  email           text COLLATE "C" NOT NULL,
  is_system_admin boolean NOT NULL DEFAULT false,
  created_at      timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT accounts_email UNIQUE (email)
);
COMMENT ON TABLE muster.accounts IS 'A person who works with Muster; not a person of the LMS (lms.users).';

CREATE TABLE muster.site_roles (
  account_id uuid    NOT NULL REFERENCES muster.accounts,
  site_id    integer NOT NULL REFERENCES muster.sites,
  role       text    NOT NULL,
  CONSTRAINT site_roles_pk PRIMARY KEY (account_id, site_id),
  CONSTRAINT site_roles_role CHECK (role IN ('viewer', 'uploader', 'admin'))
);
COMMENT ON TABLE muster.site_roles IS 'What an account may do in a site. No row: for that account the site does not exist.';

CREATE TABLE muster.tokens (
  id         uuid PRIMARY KEY,
  account_id uuid  NOT NULL REFERENCES muster.accounts,
  hash       bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  CONSTRAINT tokens_hash UNIQUE (hash)
);
COMMENT ON COLUMN muster.tokens.hash IS 'SHA-256 of the token. The token itself has 256 random bits and is shown once.';
