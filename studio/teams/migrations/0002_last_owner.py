"""Let the database keep an active owner in every team."""

from django.db import migrations

FORWARD = """
-- The team row is locked first, so two owners who leave at the same moment wait for each other and the second is
-- refused. The lock lets rows that point to the team be added meanwhile.
CREATE FUNCTION teams_keep_an_owner(team bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM teams_team WHERE id = team FOR NO KEY UPDATE;
    IF NOT EXISTS (
        SELECT 1 FROM teams_membership m JOIN accounts_user u ON u.id = m.user_id
        WHERE m.team_id = team AND m.role = 40 AND u.is_active
    ) THEN
        RAISE EXCEPTION 'team % would be left without an owner', team
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'membership_last_owner';
    END IF;
END $$;
CREATE FUNCTION teams_membership_keeps_owner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.role = 40 THEN
        PERFORM teams_keep_an_owner(OLD.team_id);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER membership_last_owner AFTER UPDATE OF role, team_id, user_id OR DELETE ON teams_membership
    FOR EACH ROW EXECUTE FUNCTION teams_membership_keeps_owner();
CREATE FUNCTION teams_user_keeps_owner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM teams_keep_an_owner(m.team_id) FROM teams_membership m
        WHERE m.user_id = OLD.id AND m.role = 40 ORDER BY m.team_id;
    RETURN NULL;
END $$;
CREATE TRIGGER user_last_owner AFTER UPDATE OF is_active ON accounts_user
    FOR EACH ROW WHEN (OLD.is_active AND NOT NEW.is_active) EXECUTE FUNCTION teams_user_keeps_owner();
CREATE FUNCTION teams_team_has_owner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM teams_keep_an_owner(NEW.id);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER team_has_owner AFTER INSERT ON teams_team
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION teams_team_has_owner();
"""

BACKWARD = """
DROP TRIGGER team_has_owner ON teams_team;
DROP FUNCTION teams_team_has_owner();
DROP TRIGGER user_last_owner ON accounts_user;
DROP FUNCTION teams_user_keeps_owner();
DROP TRIGGER membership_last_owner ON teams_membership;
DROP FUNCTION teams_membership_keeps_owner();
DROP FUNCTION teams_keep_an_owner(bigint);
"""


class Migration(migrations.Migration):
    dependencies = [("teams", "0001_initial"), ("accounts", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
