"""Let the database refuse to revive what has ended and to delete any of it."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION generations_terminal_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state = ANY (TG_ARGV[0]::text[]) AND NEW.state <> OLD.state THEN
        RAISE EXCEPTION '% % has ended as %', TG_TABLE_NAME, OLD.id, OLD.state USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER generation_terminal_stays BEFORE UPDATE ON generations_generation
    FOR EACH ROW EXECUTE FUNCTION generations_terminal_stays('{succeeded,partial,failed,cancelled,interrupted}');
CREATE TRIGGER output_terminal_stays BEFORE UPDATE ON generations_output
    FOR EACH ROW EXECUTE FUNCTION generations_terminal_stays('{delivered,failed,cancelled,interrupted}');
CREATE TRIGGER attempt_terminal_stays BEFORE UPDATE ON generations_attempt
    FOR EACH ROW EXECUTE FUNCTION generations_terminal_stays('{closed,failed,unknown,cancelled}');
CREATE FUNCTION generations_fence_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.fence < OLD.fence THEN
        RAISE EXCEPTION 'the fence of generation % only grows', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER generation_fence_grows BEFORE UPDATE OF fence ON generations_generation
    FOR EACH ROW EXECUTE FUNCTION generations_fence_grows();
CREATE TRIGGER generation_never_deleted BEFORE DELETE ON generations_generation
    FOR EACH ROW EXECUTE FUNCTION atelier_refuse_delete();
CREATE TRIGGER output_never_deleted BEFORE DELETE ON generations_output
    FOR EACH ROW EXECUTE FUNCTION atelier_refuse_delete();
CREATE TRIGGER attempt_never_deleted BEFORE DELETE ON generations_attempt
    FOR EACH ROW EXECUTE FUNCTION atelier_refuse_delete();
"""

BACKWARD = """
DROP TRIGGER attempt_never_deleted ON generations_attempt;
DROP TRIGGER output_never_deleted ON generations_output;
DROP TRIGGER generation_never_deleted ON generations_generation;
DROP TRIGGER generation_fence_grows ON generations_generation;
DROP FUNCTION generations_fence_grows();
DROP TRIGGER attempt_terminal_stays ON generations_attempt;
DROP TRIGGER output_terminal_stays ON generations_output;
DROP TRIGGER generation_terminal_stays ON generations_generation;
DROP FUNCTION generations_terminal_stays();
"""


class Migration(migrations.Migration):
    dependencies = [("generations", "0001_initial"), ("core", "0002_refuse_change")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
