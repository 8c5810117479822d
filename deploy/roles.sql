-- Two roles for PostgreSQL: one that may change the tables, one that may only use them.
-- psql --dbname recap --set owner=recap_owner --set program=recap -f deploy/roles.sql
-- Upgrade as the first (digest db upgrade), serve as the second.

CREATE ROLE :"owner" LOGIN;
CREATE ROLE :"program" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO :"owner";
GRANT USAGE ON SCHEMA public TO :"program";

ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"program";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA public
    GRANT USAGE, SELECT ON SEQUENCES TO :"program";
