"""Let the database refuse an edited entry and a hold that ends twice."""

from django.db import migrations

FORWARD = """
CREATE TRIGGER entry_append_only BEFORE UPDATE OR DELETE ON ledger_entry
    FOR EACH ROW EXECUTE FUNCTION atelier_refuse_change();
CREATE TRIGGER hold_never_deleted BEFORE DELETE ON ledger_hold
    FOR EACH ROW EXECUTE FUNCTION atelier_refuse_delete();
CREATE TRIGGER creditaccount_never_deleted BEFORE DELETE ON ledger_creditaccount
    FOR EACH ROW EXECUTE FUNCTION atelier_refuse_delete();
CREATE FUNCTION ledger_hold_ends_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> 'open' THEN
        RAISE EXCEPTION 'hold % has ended', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.id <> OLD.id OR NEW.amount <> OLD.amount OR NEW.account_id <> OLD.account_id THEN
        RAISE EXCEPTION 'hold % keeps its amount and account', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER hold_ends_once BEFORE UPDATE ON ledger_hold
    FOR EACH ROW EXECUTE FUNCTION ledger_hold_ends_once();
"""

BACKWARD = """
DROP TRIGGER hold_ends_once ON ledger_hold;
DROP FUNCTION ledger_hold_ends_once();
DROP TRIGGER creditaccount_never_deleted ON ledger_creditaccount;
DROP TRIGGER hold_never_deleted ON ledger_hold;
DROP TRIGGER entry_append_only ON ledger_entry;
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial"), ("core", "0002_refuse_change")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
